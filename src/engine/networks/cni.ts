import { CommandFailed, OrreryError, runCommand } from '../../base/index.ts';

export interface CniInvocation {
  plugin: string;
  /** Where the plugins lie. */
  pluginFolder: string;
  command: 'ADD' | 'DEL';
  containerId: string;
  /** Absent on DEL when the namespace is gone. */
  namespacePath?: string;
  interfaceName: string;
  config: object;
}

/** CNI specification 1.0.0, section 5, "Success". */
export interface CniResult {
  ips?: { address: string; gateway?: string }[];
}

/** Executes one plugin (CNI 1.0.0, section 2). @throws OrreryError NetworkFailed with the plugin's message. */
export async function invokeCni(invocation: CniInvocation): Promise<CniResult | undefined> {
  const { plugin, pluginFolder, command, containerId, namespacePath, interfaceName } = invocation;
  try {
    const { stdout } = await runCommand(`${pluginFolder}/${plugin}`, [], {
      input: JSON.stringify(invocation.config),
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: namespacePath ?? '',
        CNI_IFNAME: interfaceName,
        CNI_PATH: pluginFolder,
      },
    });
    return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as CniResult);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new OrreryError(
      'NetworkFailed',
      `plugin type="${plugin}" failed (${command.toLowerCase()}): ${complaint(error)}`,
      {
        cause: error,
      },
    );
  }
}

function complaint(error: CommandFailed): string {
  try {
    return (JSON.parse(error.stdout) as { msg: string }).msg;
  } catch {
    // Not a CNI error object: the program's own words are all there is.
    return error.stderr.trim() || error.message;
  }
}
