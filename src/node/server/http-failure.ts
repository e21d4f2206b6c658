import { OrreryError, type OrreryErrorOptions } from '../../base/index.ts';

/** An answer other than 200: kubelet's own words, as plain text, which kubectl shows to the user. */
export class HttpFailure extends OrreryError {
  readonly status: number;
  constructor(status: number, message: string, options?: OrreryErrorOptions) {
    super('NodeHttp', message, options);
    this.status = status;
  }
}
