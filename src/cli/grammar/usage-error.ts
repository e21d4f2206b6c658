import { BadRequest } from '../../base/index.ts';

/** The command line was wrong; nothing was done. `seeHelp` is the command whose help to look at. */
export class UsageError extends BadRequest {
  readonly seeHelp: string | undefined;
  constructor(message: string, seeHelp?: string) {
    super(message);
    this.seeHelp = seeHelp;
  }
}
