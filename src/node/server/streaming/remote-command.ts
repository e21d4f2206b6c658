import type { Readable, Writable } from 'node:stream';
import type { metav1 } from '../../../kube/index.ts';

/** What the client of an exec or attach asked for. */
export interface CommandOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** The client's side of an exec or attach, whatever protocol carries it. */
export interface CommandSession {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  onResize(listener: (size: TerminalSize) => void): void;
  /** The last word: after it nothing is written. */
  sendStatus(status: metav1.Status): Promise<void>;
  /** Closes the connection in good order. */
  end(): void;
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Kubelet's rules (remotecommand.NewOptions). @returns the message of the refusal instead. */
export function parseCommandOptions(query: URLSearchParams): CommandOptions | string {
  const asked = (...names: string[]) => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''));
  const tty = asked('tty');
  const options = {
    stdin: asked('input', 'stdin'),
    stdout: asked('output', 'stdout'),
    // With a terminal both come through stdout.
    stderr: asked('error', 'stderr') && !tty,
    tty,
  };
  if (!options.stdin && !options.stdout && !options.stderr)
    return 'you must specify at least 1 of stdin, stdout, stderr';
  return options;
}

/** Reads a stream of JSON objects `{"Width":80,"Height":24}`. Anything else in it is left out. */
export class ResizeParser {
  #text = '';
  readonly #listener: (size: TerminalSize) => void;

  constructor(listener: (size: TerminalSize) => void) {
    this.#listener = listener;
  }

  feed(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('latin1')).slice(-1024);
    for (let end = this.#text.indexOf('}'); end >= 0; end = this.#text.indexOf('}')) {
      const object = this.#text.slice(0, end + 1);
      this.#text = this.#text.slice(end + 1);
      const columns = /"Width"\s*:\s*(\d{1,5})\b/.exec(object)?.[1];
      const rows = /"Height"\s*:\s*(\d{1,5})\b/.exec(object)?.[1];
      if (columns !== undefined && rows !== undefined)
        this.#listener({ columns: Number(columns), rows: Number(rows) });
    }
  }
}

/** The status that ends a command (k8s.io/kubelet … remotecommand/exec.go). */
export function exitStatus(exitCode: number): metav1.Status {
  if (exitCode === 0) return { metadata: {}, status: 'Success' } as metav1.Status;
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: `${exitCode}` }] },
  } as metav1.Status;
}

export function internalErrorStatus(message: string): metav1.Status {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  } as metav1.Status;
}
