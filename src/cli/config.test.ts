import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { resolveConfig } from './config.ts';

const at = (flags: Parameters<typeof resolveConfig>[0], env = {}) =>
  resolveConfig({ dataDir: '/tmp/x', ...flags }, env);

test('flags win over the environment, the environment over defaults', () => {
  expect(at({ port: '7000' }, { ORRERY_PORT: '8000' }).port).toBe(7000);
  expect(at({}, { ORRERY_PORT: '8000' }).port).toBe(8000);
  expect(at({}).port).toBe(6443);
});

test('a bad value is refused with the flag and the value', () => {
  expect(() => at({ port: '70000' })).toThrow('--port "70000" is not a port');
  expect(() => at({ port: '12a' })).toThrow('--port "12a" is not a port');
  expect(() => at({ bindAddress: 'here' })).toThrow('--bind-address "here" is not an IPv4 address');
  expect(() => at({ nodeName: 'A_b' })).toThrow('--node-name "A_b"');
  expect(() => at({ clusterCidr: '10.0.0.1/16' })).toThrow('bits set beyond its prefix');
  expect(() => at({ clusterCidr: '10.0.0.0/8', serviceCidr: '10.43.0.0/16' })).toThrow('overlap');
  expect(() => at({ logLevel: 'loud' })).toThrow('--log-level "loud" is not one of');
});

test('a relative file is the caller’s', () => {
  expect(at({ tokenAuthFile: 'tokens.csv' }).tokenAuthFile).toBe(resolve('tokens.csv'));
  expect(at({}, { ORRERY_AUTHENTICATION_CONFIG: '/a.yaml' }).authenticationConfigFile).toBe('/a.yaml');
  expect(at({}).tokenAuthFile).toBeUndefined();
});

test('an audit policy and its log need each other', () => {
  expect(at({ auditPolicyFile: '/p.yaml', auditLogPath: '/a.log' }).audit).toEqual({
    policyFile: '/p.yaml',
    logFile: '/a.log',
  });
  expect(() => at({ auditPolicyFile: '/p.yaml' })).toThrow('--audit-policy-file and --audit-log-path');
});

test('admission plug-ins are named with commas', () => {
  const { admission } = at(
    {
      enableAdmissionPlugins: 'AlwaysPullImages, DenyServiceExternalIPs',
      admissionControlConfigFile: '/c.yaml',
    },
    { ORRERY_DISABLE_ADMISSION_PLUGINS: 'LimitRanger' },
  );
  expect(admission).toEqual({
    enable: ['AlwaysPullImages', 'DenyServiceExternalIPs'],
    disable: ['LimitRanger'],
    configFile: '/c.yaml',
  });
});

test('two data directories are two instances', () => {
  expect(at({ dataDir: '/a' }).instance).not.toBe(at({ dataDir: '/b' }).instance);
  expect(at({ dataDir: '/a' }).instance).toMatch(/^[0-9a-f]{6}$/);
});

test('a server on one address makes that the address of the node', () => {
  expect(at({ bindAddress: '127.0.0.1' }).nodeIp).toBe('127.0.0.1');
});
