import { Transform } from 'node:stream';
import { BadRequest } from '../../base/index.ts';

const DEFAULT_KEYS = 'ctrl-p,ctrl-q';
const CONTROLS: Record<string, number> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** `ctrl-p,ctrl-q` → [16, 17]; none for the empty sequence. @throws BadRequest */
export function parseDetachKeys(text: string | undefined): number[] {
  const keys = text ?? DEFAULT_KEYS;
  return keys.split(',').map((key) => {
    const control = /^ctrl-(.)$/.exec(key)?.[1];
    if (control !== undefined) {
      if (/[a-z]/.test(control)) return control.charCodeAt(0) - 96;
      if (control in CONTROLS) return CONTROLS[control]!;
    } else if (Buffer.byteLength(key) === 1) {
      return key.charCodeAt(0);
    }
    throw new BadRequest(`Invalid escape keys (${keys}) provided`);
  });
}

/**
 * Passes a terminal's input on, without the keys that mean leaving; calls `onDetach` at the last of them. What was
 * held back of a beginning that went on otherwise is passed on.
 */
export function detachKeys(keys: readonly number[], onDetach: () => void): Transform {
  let matched = 0;
  let isDetached = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const passed: number[] = [];
      for (const byte of chunk) {
        if (isDetached) break;
        if (byte === keys[matched]) {
          matched++;
          if (matched < keys.length) continue;
          isDetached = true;
          onDetach();
        } else {
          passed.push(...keys.slice(0, matched));
          matched = byte === keys[0] ? 1 : 0;
          if (matched === 0) passed.push(byte);
        }
      }
      done(null, passed.length > 0 ? Buffer.from(passed) : undefined);
    },
  });
}
