import { OrreryError, type OrreryErrorOptions } from '../../../base/index.ts';

/** The peer broke the framing of SPDY; the connection cannot go on. */
export class SpdyError extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('SpdyProtocol', message, options);
  }
}
