import { expect, test } from 'vitest';
import { asExecForm, parseDockerfile, parseOneInstruction } from './parse.ts';

async function read(text: string) {
  return (await parseDockerfile(text, 'Dockerfile')).instructions;
}

test('continued lines become one, comments and empty lines inside them go', async () => {
  const [, run, next] = await read(
    'FROM a\nRUN echo "a   b" && \\\n  # a comment\n\n  echo x # kept\nUSER me\n',
  );
  expect(run).toMatchObject({ keyword: 'RUN', text: 'echo "a   b" &&   echo x # kept', line: 2 });
  expect(next).toMatchObject({ keyword: 'USER', text: 'me' });
});

test('another escape character may be asked for, and a syntax line changes nothing', async () => {
  const parsed = await parseDockerfile(
    '# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN dir `\n c:\\\n',
    'D',
  );
  expect(parsed.escapeChar).toBe('`');
  expect(parsed.instructions[1]?.text).toBe('dir  c:\\');
});

test('keywords may be in small letters; flags come before the rest', async () => {
  const [, copy] = await read('from a\ncopy --from=b --link --chown="x:y" /s /d --not-a-flag\n');
  expect(copy).toMatchObject({
    keyword: 'COPY',
    flags: [
      { name: 'from', value: 'b' },
      { name: 'link', value: undefined },
      { name: 'chown', value: 'x:y' },
    ],
    text: '/s /d --not-a-flag',
  });
});

test('heredocs are taken with their instruction, tabs cut with a dash, quoted ones not expanded', async () => {
  const [, copy, run] = await read(
    'FROM a\nCOPY <<-A <<"B" /d/\n\tone\n\tA\n\ttwo $x\nB\nRUN cat <<EOF | sh\nFROM x\nEOF\n',
  );
  expect(copy?.heredocs).toEqual([
    { name: 'A', content: 'one\n', expand: true },
    { name: 'B', content: '\ttwo $x\n', expand: false },
  ]);
  expect(run?.heredocs).toEqual([{ name: 'EOF', content: 'FROM x\n', expand: true }]);
  expect(run?.text).toBe('cat <<EOF | sh');
});

test('an empty file says so', async () => {
  await expect(read(' \n')).rejects.toThrow('no contents in "Dockerfile"');
});

test('only a JSON array of strings is an exec form', () => {
  expect(asExecForm('["a", "b c"]')).toEqual(['a', 'b c']);
  expect(asExecForm("['a']")).toBeUndefined();
  expect(asExecForm('[ -f x ] && y')).toBeUndefined();
  expect(asExecForm('[1]')).toBeUndefined();
});

test('reads an instruction that comes alone, as ONBUILD has it', () => {
  expect(parseOneInstruction('copy . /app')).toMatchObject({ keyword: 'COPY', text: '. /app' });
});
