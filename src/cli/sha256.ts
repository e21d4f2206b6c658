/**
 * SHA-256 (FIPS 180-4, section 6.2) of a few bytes, for digests that name files; see direct-crypto.ts.
 *
 * @returns 32 bytes
 */
export function sha256(content: Uint8Array): Buffer {
  const { rounds, initial } = constants();
  const state = Uint32Array.from(initial);
  const padded = pad(content);
  const schedule = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) schedule[i] = padded.readUInt32BE(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const early = schedule[i - 15]!;
      const late = schedule[i - 2]!;
      schedule[i] =
        schedule[i - 16]! +
        (turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)) +
        schedule[i - 7]! +
        (turn(late, 17) ^ turn(late, 19) ^ (late >>> 10));
    }
    compress(state, schedule, rounds);
  }
  const digest = Buffer.alloc(32);
  for (let i = 0; i < 8; i++) digest.writeUInt32BE(state[i]!, i * 4);
  return digest;
}

function compress(state: Uint32Array, schedule: Uint32Array, rounds: Uint32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  for (let i = 0; i < 64; i++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + rounds[i]! + schedule[i]!) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = state[i]! + word;
}

/** A one, zeros, and the length in bits: whole blocks of 64 bytes. */
function pad(content: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((content.byteLength + 9) / 64) * 64);
  padded.set(content);
  padded[content.byteLength] = 0x80;
  padded.writeUInt32BE(content.byteLength * 8, padded.byteLength - 4);
  return padded;
}

function turn(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

let made: { rounds: Uint32Array; initial: Uint32Array } | undefined;

/** The first 32 bits of the fractions of the roots of the first primes: cubic of 64, square of 8 (4.2.2, 5.3.3). */
function constants() {
  if (made !== undefined) return made;
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const fraction = (root: number) => Math.floor((root - Math.floor(root)) * 2 ** 32);
  made = {
    rounds: Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    initial: Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
  };
  return made;
}
