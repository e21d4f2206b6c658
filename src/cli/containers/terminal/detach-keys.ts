import { Transform, type TransformCallback } from 'node:stream';
import { BadRequest } from '../../../base/index.ts';

/**
 * `ctrl-p,ctrl-q`, `a,b`: the bytes that these keys send. '' is none: then nothing detaches.
 * @throws BadRequest
 */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  const bytes = text.split(',').map((key) => {
    const control = /^ctrl-([a-zA-Z@^[\\\]_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new BadRequest(`invalid detach keys: Unknown character: '${key}'`);
  });
  return Buffer.from(bytes);
}

/** Input up to the detach keys, without them; `onDetach` is called when they were all typed in a row. */
export class DetachFilter extends Transform {
  readonly #keys: Buffer;
  readonly #onDetach: () => void;
  #held = 0;
  #isDetached = false;

  constructor(keys: Buffer, onDetach: () => void) {
    super();
    this.#keys = keys;
    this.#onDetach = onDetach;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.#keys.length === 0 || this.#isDetached) {
      done(null, this.#isDetached ? undefined : chunk);
      return;
    }
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#held] && this.#held > 0) this.#release(passed);
      if (byte !== this.#keys[this.#held]) {
        passed.push(byte);
        continue;
      }
      this.#held += 1;
      if (this.#held === this.#keys.length) {
        this.#isDetached = true;
        break;
      }
    }
    if (passed.length > 0) this.push(Buffer.from(passed));
    done();
    if (this.#isDetached) this.#onDetach();
  }

  override _flush(done: TransformCallback): void {
    if (!this.#isDetached && this.#held > 0) this.push(this.#keys.subarray(0, this.#held));
    done();
  }

  /** What was held back was no detaching after all. */
  #release(passed: number[]): void {
    passed.push(...this.#keys.subarray(0, this.#held));
    this.#held = 0;
  }
}
