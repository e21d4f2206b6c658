import type { BuildOptions } from './options.ts';

/** What people see of a build: Podman's lines, or those of Docker's classic builder. */
export class BuildReport {
  readonly #write: (text: string, stream: 'stdout' | 'stderr') => void;
  readonly #isDocker: boolean;

  constructor(options: Pick<BuildOptions, 'quiet' | 'onOutput' | 'style'>) {
    this.#write = options.quiet || options.onOutput === undefined ? () => undefined : options.onOutput;
    this.#isDocker = options.style === 'docker';
  }

  #line(text: string): void {
    this.#write(`${text}\n`, 'stdout');
  }

  output(text: string, stream: 'stdout' | 'stderr'): void {
    this.#write(text, stream);
  }

  warn(message: string): void {
    if (this.#isDocker) this.#line(` ---> [Warning] ${message}`);
    else
      this.#write(
        `time="${new Date().toISOString().slice(0, 19)}Z" level=warning msg=${JSON.stringify(message)}\n`,
        'stderr',
      );
  }

  /** @param place `[1/2] ` with several stages. */
  step(place: string, number: number, total: number, shown: string): void {
    this.#line(
      this.#isDocker ? `Step ${number}/${total} : ${shown}` : `${place}STEP ${number}/${total}: ${shown}`,
    );
  }

  usingCache(id: string): void {
    this.#line(this.#isDocker ? ' ---> Using cache' : `--> Using cache ${id.slice('sha256:'.length)}`);
  }

  made(id: string): void {
    const hex = id.slice('sha256:'.length);
    this.#line(this.#isDocker ? ` ---> ${hex.slice(0, 12)}` : `--> ${hex.slice(0, 11)}`);
  }

  commit(place: string, name: string | undefined): void {
    if (!this.#isDocker) this.#line(`${place}COMMIT${name === undefined ? '' : ` ${name}`}`);
  }

  unusedArgs(names: readonly string[]): void {
    this.#line(`[Warning] one or more build args were not consumed: [${names.join(' ')}]`);
  }

  done(id: string, names: readonly string[]): void {
    const hex = id.slice('sha256:'.length);
    if (this.#isDocker) this.#line(`Successfully built ${hex.slice(0, 12)}`);
    for (const name of names) this.#line(`Successfully tagged ${name}`);
    if (!this.#isDocker) this.#line(hex);
  }
}
