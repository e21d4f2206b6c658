import { type Clock, OrreryError } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { getHttp } from '../probes/http-probe.ts';
import { execute, resolvePort } from '../probes/run-probe.ts';

export interface HookTarget {
  engine: Engine;
  clock: Clock;
  containerId: string;
  container: corev1.Container;
  podIP: string;
  userAgent: string;
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Runs a postStart or preStop handler to its end.
 * https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
 *
 * @throws OrreryError `LifecycleHookFailed`
 */
export async function runLifecycleHook(hook: corev1.LifecycleHandler, target: HookTarget): Promise<void> {
  const fail = (why: string) => {
    throw new OrreryError('LifecycleHookFailed', why);
  };
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const { exitCode, output } = await execute(
      target.engine,
      target.containerId,
      command,
      target.timeoutMs,
      target.signal,
    );
    if (exitCode === undefined) fail(`command '${command.join(' ')}' took too long`);
    if (exitCode !== 0) fail(`command '${command.join(' ')}' exited with ${exitCode}: ${output}`);
  } else if (hook.httpGet) {
    const answer = await getHttp({
      host: hook.httpGet.host || target.podIP,
      port: resolvePort(hook.httpGet.port, target.container),
      action: hook.httpGet,
      timeoutMs: target.timeoutMs,
      userAgent: target.userAgent,
    });
    if (answer.status >= 400) fail(`HTTP hook answered with statuscode: ${answer.status}`);
  } else if (hook.sleep) {
    await target.clock.sleep(Math.min(hook.sleep.seconds * 1000, target.timeoutMs), target.signal);
  } else {
    fail(`invalid handler: ${Object.keys(hook).join(', ')}`);
  }
}
