import { OrreryError } from '../../base/index.ts';

/** A container could not be started; `reason` is what its status waits with: `ErrImagePull`, … */
export class StartFailed extends OrreryError {
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super('StartFailed', message, { cause });
    this.reason = reason;
  }
}
