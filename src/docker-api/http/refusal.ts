import { AlreadyExists, BadRequest, Conflict, NotFound, OrreryError } from '../../base/index.ts';
import { dockerWords } from '../../libpod/index.ts';

/** The API says no, with a status of its own that no error of the house stands for. */
export class Refusal extends OrreryError {
  readonly status: number;
  constructor(status: number, message: string, options: { cause?: unknown } = {}) {
    super('DockerApiRefused', message, options);
    this.status = status;
  }
}

/** Codes of errors that are not told apart by class, and their status in Docker's API. */
const STATUS_OF_CODE: Record<string, number> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotAcceptable: 406,
  RequestEntityTooLarge: 413,
  Invalid: 400,
  NotPermitted: 403,
  // The image, or the client, named a program that is not there or cannot be run.
  ContainerStartFailed: 400,
};

/** Docker's status for anything thrown: 500 only for what is no mistake of the client's. */
export function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof NotFound) return 404;
  if (error instanceof AlreadyExists || error instanceof Conflict) return 409;
  if (error instanceof BadRequest) return 400;
  if (error instanceof OrreryError) return STATUS_OF_CODE[error.code] ?? 500;
  return 500;
}

/** What a client is told: our own errors in Docker's words, where it has some; anything else is a fault of ours, whose words are for the log. */
export function publicMessage(error: unknown): string {
  if (error instanceof OrreryError) {
    const message = dockerWords(error.message);
    return error.hint === undefined ? message : `${message}: ${error.hint}`;
  }
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)
    ? `internal error (${code})`
    : 'internal error';
}
