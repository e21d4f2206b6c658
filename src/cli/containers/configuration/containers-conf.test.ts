import { expect, test } from 'vitest';
import { addText, type ContainersConf } from './containers-conf.ts';
import { configuredFlags, withConfigured } from './create-defaults.ts';

const empty = (): ContainersConf => ({ containers: {}, engine: {}, network: {}, ignored: [] });

function confOf(...texts: string[]): ContainersConf {
  const conf = empty();
  for (const text of texts) addText(conf, text, 'containers.conf');
  return conf;
}

test('a later file wins setting by setting, and adds to a table', () => {
  const conf = confOf(
    '[containers]\ntz = "local"\nenv = ["A=1"]\n[engine]\nevents_logfile_max_size = 4750\n[engine.runtimes]\na = ["/a"]\n',
    '[containers]\nenv = ["B=2"]\n[engine.runtimes]\nb = ["/b"]\n',
  );
  expect(conf.containers).toEqual({ tz: 'local', env: ['B=2'] });
  expect({ ...conf.engine.runtimes }).toEqual({ a: ['/a'], b: ['/b'] });
  expect(conf.engine.events_logfile_max_size).toBe('4750');
});

test('what has no meaning here is told, what is not of its form refused', () => {
  expect(confOf('[containers]\nlabel = false\n[machine]\ncpus = 1\n').ignored).toEqual(['containers.label']);
  expect(() => confOf('[containers]\nenv = "A=1"\n')).toThrow(
    'containers.conf: containers.env is no array of strings',
  );
});

test('namespaces of a pod are not those of the configuration', () => {
  const conf = confOf('[containers]\nnetns = "host"\nipcns = "host"\npidns = "host"\n');
  expect([...configuredFlags(conf)]).toEqual([
    ['ipc', ['host']],
    ['pid', ['host']],
    ['network', ['host']],
  ]);
  expect([...configuredFlags(conf, true)]).toEqual([['pid', ['host']]]);
});

test('what was asked for wins over what is configured', () => {
  const conf = confOf(`[containers]
annotations = ["a=1", "b=2"]
default_sysctls = ["net.ipv4.ping_group_range=0 0", "kernel.shmmax=1"]
dns_servers = ["1.1.1.1"]
volumes = ["/a:/data", "/b:/other:ro"]
pids_limit = 7
`);
  const { HostConfig } = withConfigured(
    {
      Config: { Image: 'i' },
      HostConfig: {
        Annotations: { b: '3' },
        Binds: ['/mine:/data'],
        Dns: ['8.8.8.8'],
        NetworkMode: 'host',
        PidsLimit: 5,
        Sysctls: { 'kernel.shmmax': '2' },
      },
    },
    conf,
  );
  expect(HostConfig).toEqual({
    Annotations: { a: '1', b: '3' },
    Binds: ['/mine:/data', '/b:/other:ro'],
    Dns: ['1.1.1.1', '8.8.8.8'],
    NetworkMode: 'host',
    PidsLimit: 5,
    Sysctls: { 'kernel.shmmax': '2' },
  });
});
