/**
 * The program of a pod's infra container: it waits for SIGTERM, SIGINT or SIGQUIT and ends, and takes no
 * notice of children that end (the kernel reaps them), as the first process of a shared pid namespace must.
 * Kubernetes' and Podman's pause are C programs; this one is put together here, from 30 instructions, so that
 * a pod needs neither a registry nor a program of the host, and a process of a few kilobytes holds it.
 *
 * The calls, in both instruction sets:
 *
 *     rt_sigaction(SIGCHLD, {SIG_IGN}, NULL, 8); rt_sigprocmask(SIG_BLOCK, &set, NULL, 8);
 *     while (rt_sigtimedwait(&set, NULL, NULL, 8) < 0); exit(0);
 *
 * @returns an ELF file for this architecture (Node's name of it). Same bytes every time.
 */
export function pauseProgram(architecture: string): Buffer {
  switch (architecture) {
    case 'x64':
      return elf(62, x64Code());
    case 'arm64':
      return elf(183, arm64Code());
    default:
      throw new Error(`no pause program for ${architecture}`);
  }
}

const BASE = 0x400000n;
const HEADERS = 64 + 56;
/** Signals 2, 3 and 15, as a kernel's signal set. */
const SIGNALS = (1n << 1n) | (1n << 2n) | (1n << 14n);

/** ELF-64: the file header, one loadable segment that is the whole file, the code. */
function elf(machine: number, code: Buffer): Buffer {
  const header = Buffer.alloc(HEADERS);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16); // e_type: executable
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BASE + BigInt(HEADERS), 24); // e_entry
  header.writeBigUInt64LE(64n, 32); // e_phoff
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56); // e_phnum
  const size = BigInt(HEADERS + code.length);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(BASE, 80);
  header.writeBigUInt64LE(BASE, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, code]);
}

/** struct sigaction with SIG_IGN, then the set: what both programs have behind their code. */
function data(): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.writeBigUInt64LE(1n, 0);
  bytes.writeBigUInt64LE(SIGNALS, 32);
  return bytes;
}

function x64Code(): Buffer {
  const bytes: number[] = [];
  const toData: { at: number; offset: number }[] = [];
  const put = (...code: number[]) => bytes.push(...code);
  const address = (offset: number, ...lea: number[]) => {
    put(...lea, 0, 0, 0, 0);
    toData.push({ at: bytes.length, offset });
  };
  const call = (number: number) => {
    put(0x31, 0xd2); // xor edx, edx
    put(0x41, 0xba, 8, 0, 0, 0); // mov r10d, 8
    put(0xb8, number, 0, 0, 0, 0x0f, 0x05); // mov eax, number; syscall
  };
  put(0xbf, 17, 0, 0, 0); // mov edi, SIGCHLD
  address(0, 0x48, 0x8d, 0x35); // lea rsi, [action]
  call(13);
  put(0x31, 0xff); // xor edi, edi
  address(32, 0x48, 0x8d, 0x35); // lea rsi, [set]
  call(14);
  const loop = bytes.length;
  address(32, 0x48, 0x8d, 0x3d); // lea rdi, [set]
  put(0x31, 0xf6); // xor esi, esi
  call(128);
  put(0x85, 0xc0, 0x78); // test eax, eax; js loop
  put((loop - (bytes.length + 1)) & 0xff);
  put(0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05); // xor edi, edi; mov eax, 60; syscall
  const code = Buffer.from(bytes);
  for (const { at, offset } of toData) code.writeInt32LE(code.length + offset - at, at - 4);
  return Buffer.concat([code, data()]);
}

function arm64Code(): Buffer {
  const SVC = 0xd4000001;
  const words: number[] = [];
  const toData: { at: number; offset: number }[] = [];
  const move = (register: number, value: number) => words.push((0xd2800000 | (value << 5) | register) >>> 0); // movz
  const address = (register: number, offset: number) => {
    toData.push({ at: words.length, offset });
    words.push(0x10000000 | register); // adr
  };
  const call = (number: number) => {
    move(2, 0);
    move(3, 8);
    move(8, number);
    words.push(SVC);
  };
  move(0, 17);
  address(1, 0);
  call(134);
  move(0, 0);
  address(1, 32);
  call(135);
  const loop = words.length;
  address(0, 32);
  move(1, 0);
  call(137);
  words.push((0x37000000 | (31 << 19) | (((loop - words.length) & 0x3fff) << 5)) >>> 0); // tbnz w0, #31, loop
  move(0, 0);
  move(8, 93);
  words.push(SVC);
  const code = Buffer.alloc(words.length * 4);
  for (const { at, offset } of toData) {
    const distance = code.length + offset - at * 4;
    words[at] = (words[at]! | ((distance & 3) << 29) | ((distance >> 2) << 5)) >>> 0;
  }
  for (const [index, word] of words.entries()) code.writeUInt32LE(word, index * 4);
  return Buffer.concat([code, data()]);
}
