import { expect, test } from 'vitest';
import { applyChanges } from './config-changes.ts';

test('instructions of a Dockerfile change a configuration', () => {
  const changed = applyChanges({ Env: ['A=1', 'B=2'], Labels: { old: 'yes' } }, [
    'CMD=/bin/sh',
    'ENTRYPOINT ["a","b c"]',
    'ENV A=3 C="x y"',
    'ENV D some words',
    'LABEL new=it\\ is',
    'EXPOSE 80 53/udp',
    'VOLUME ["/data"]',
    'USER u:g',
    'WORKDIR /w',
    'STOPSIGNAL SIGINT',
    'onbuild RUN true',
  ]);
  expect(changed).toEqual({
    Cmd: ['/bin/sh', '-c', '/bin/sh'],
    Entrypoint: ['a', 'b c'],
    Env: ['A=3', 'B=2', 'C=x y', 'D=some words'],
    Labels: { old: 'yes', new: 'it is' },
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Volumes: { '/data': {} },
    User: 'u:g',
    WorkingDir: '/w',
    StopSignal: 'SIGINT',
    OnBuild: ['RUN true'],
  });
});

test.each(['CMD', 'FROM scratch', 'EXPOSE many', 'LABEL alone', ''])('refuses %j, quoting it', (change) => {
  expect(() => applyChanges({}, [change])).toThrow(`invalid change ${JSON.stringify(change)}`);
});
