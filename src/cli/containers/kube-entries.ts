import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const kubeEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['kube play'],
    aliases: ['play kube'],
    summary: 'Play a pod or volume based on Kubernetes YAML',
    load: async () => (await import('./kube-commands/play.ts')).play,
  },
  {
    paths: ['kube down'],
    summary: 'Remove pods based on Kubernetes YAML',
    load: async () => (await import('./kube-commands/play.ts')).down,
  },
  {
    paths: ['kube generate'],
    summary: 'Generate Kubernetes YAML from containers, pods or volumes',
    load: async () => (await import('./kube-commands/generate.ts')).generate,
  },
  {
    paths: ['generate kube'],
    summary: 'Generate Kubernetes YAML from containers, pods or volumes',
    load: async () => (await import('./kube-commands/generate.ts')).generate,
  },
  {
    paths: ['generate systemd'],
    summary: 'Generate systemd units',
    load: async () => (await import('./kube-commands/generate.ts')).systemd,
  },
  {
    paths: ['generate spec'],
    summary: 'Generate Specgen JSON based on containers or pods',
    load: async () => (await import('./kube-commands/generate.ts')).spec,
  },
];

export const kubeGroups: readonly GroupEntry[] = [
  {
    path: 'kube',
    summary: 'Play containers, pods or volumes from a structured file',
    description: 'Play containers, pods or volumes from a structured file, and write such files.',
  },
  {
    path: 'play',
    summary: 'Play containers, pods or volumes from a structured file',
    description: 'Play structured data (e.g., Kubernetes YAML) based on containers, pods or volumes.',
    hidden: true,
  },
  {
    path: 'generate',
    summary: 'Generate structured data based on containers, pods or volumes',
    description: 'Generate structured data (e.g., Kubernetes YAML) based on containers, pods or volumes.',
  },
];
