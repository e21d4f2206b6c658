import { join } from 'node:path';

/** Where a pod keeps its things below the node's directory. */
export class PodFolder {
  readonly path: string;

  constructor(nodeDirectory: string, podUid: string) {
    this.path = join(nodeDirectory, 'pods', podUid);
  }

  /** The pod as last seen, so that a node that starts without an API server knows what to run. */
  get checkpoint(): string {
    return join(this.path, 'pod.json');
  }

  get volumes(): string {
    return join(this.path, 'volumes');
  }

  /** Below the volumes, so that it goes with them; `~` keeps it apart from every plugin's folder. */
  subPaths(containerName: string): string {
    return join(this.volumes, 'orrery~subpath', containerName);
  }

  /** A file that stands for one in /etc of every container. */
  etc(name: 'hosts' | 'resolv.conf' | 'hostname'): string {
    return join(this.path, 'etc', name);
  }

  log(containerName: string, restartCount: number): string {
    return join(this.path, 'logs', containerName, `${restartCount}.log`);
  }

  terminationMessage(containerName: string, restartCount: number): string {
    return join(this.path, 'containers', containerName, `${restartCount}.message`);
  }
}
