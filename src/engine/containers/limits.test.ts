import { expect, test } from 'vitest';
import { updateArguments, updateLines } from './limits.ts';

test('names every limit that runc can change', () => {
  const text = updateArguments(
    {
      ...{ cpusetCpus: '0-1', cpusetMems: '0', pidsLimit: -1, blkioWeight: 321 },
      ...{ memoryLimitBytes: 1 << 30, memoryReservationBytes: 1 << 29, memorySwapBytes: -1 },
      ...{ cpuRealtimePeriodUs: 1000, cpuRealtimeRuntimeUs: 500 },
    },
    true,
  ).join(' ');
  expect(text).toBe(
    '--cpu-rt-runtime 500 --cpu-rt-period 1000 --cpuset-cpus 0-1 --cpuset-mems 0 --memory 1073741824 ' +
      '--memory-reservation 536870912 --memory-swap -1 --pids-limit -1 --blkio-weight 321',
  );
});

test('keeps swap out of reach when only memory is given, where the host counts it', () => {
  expect(updateArguments({ memoryLimitBytes: 7 }, true)).toEqual(['--memory', '7', '--memory-swap', '7']);
  expect(updateArguments({ memoryLimitBytes: 7 }, false)).toEqual(['--memory', '7']);
});

test('writes the limits of devices as each version of control groups has them', () => {
  const limits = { blkioReadBps: [{ path: '/dev/x', value: 9 }], memorySwappiness: 5 };
  expect(updateLines(limits, true, () => '1:5')).toEqual([
    { controller: 'io', file: 'io.max', line: '1:5 rbps=9' },
  ]);
  expect(updateLines(limits, false, () => '1:5')).toEqual([
    { controller: 'blkio', file: 'blkio.throttle.read_bps_device', line: '1:5 9' },
    { controller: 'memory', file: 'memory.swappiness', line: '5' },
  ]);
});
