import { AlreadyExists, BadRequest, OrreryError, systemClock } from '../../base/index.ts';
import { type ResourceClient, WORKSPACES } from '../../client/index.ts';
import type { tenancyv1alpha1 } from '../../kube/index.ts';
import { outputFormat, printStructured } from '../output.ts';
import { addContext } from './create-context.ts';
import { locationSelector } from './location-selector.ts';
import { type ConnectionFlags, type Session, withSession } from './session.ts';
import { enterWorkspace } from './use-workspace.ts';
import { join } from './workspace-path.ts';
import { readType, typeText } from './workspace-type.ts';

type Workspace = tenancyv1alpha1.Workspace;

export interface CreateFlags extends ConnectionFlags {
  type?: string;
  enter?: boolean;
  ignoreExisting?: boolean;
  locationSelector?: string;
  createContext?: string;
  output?: string;
}

/** As kcp's plugin. */
const READY_WITHIN_MS = 60_000;
const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 500;

/** `ws create NAME`: a workspace below the current one, waited for until it is ready. */
export async function createWorkspace(name: string, flags: CreateFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const draft = workspaceOf(name, flags);
  await withSession(flags, async (session) => {
    const tell = (text: string) => (format === 'text' ? process.stdout : process.stderr).write(`${text}\n`);
    const created = await createOrGet(session, draft, flags);
    const reference = `Workspace "${name}" (type ${typeText(created.workspace.spec.type ?? { name: '' })})`;
    const isReady = created.workspace.status?.phase === 'Ready';
    const waiting = isReady ? '' : ' Waiting for it to be ready...';
    if (created.isOld) tell(`${reference} already exists.${waiting}`);
    else if (!isReady) tell(`${reference} created.${waiting}`);
    const workspace = isReady ? created.workspace : await untilReady(created.client, name, reference);
    tell(`${reference} is ready to use.`);
    if (format !== 'text') await printStructured(workspace, format);
    await goIn(session, workspace, flags);
  });
}

function workspaceOf(name: string, flags: CreateFlags) {
  if (flags.ignoreExisting && flags.type !== undefined && !/^root(?::|$)/.test(flags.type))
    throw new BadRequest('--ignore-existing must not be used with non-absolute type path');
  const selector =
    flags.locationSelector === undefined ? undefined : locationSelector(flags.locationSelector);
  return {
    metadata: { name },
    spec: {
      ...(flags.type !== undefined && { type: readType(flags.type) }),
      ...(selector !== undefined && { location: { selector } }),
    },
  };
}

interface Created {
  client: ResourceClient<Workspace>;
  workspace: Workspace;
  /** Whether it was there before. */
  isOld: boolean;
}

async function createOrGet(
  session: Session,
  draft: ReturnType<typeof workspaceOf>,
  flags: CreateFlags,
): Promise<Created> {
  const client = (await session.in(session.path)).resource<Workspace>(WORKSPACES);
  const { name } = draft.metadata;
  try {
    return { client, workspace: await client.create(draft), isOld: false };
  } catch (error) {
    if (!(error instanceof AlreadyExists) || !flags.ignoreExisting) throw error;
  }
  const workspace = await client.get(name);
  const asked = draft.spec.type;
  const { type } = workspace.spec;
  if (asked !== undefined && type !== undefined && typeText(asked) !== typeText(type))
    throw new BadRequest(
      `workspace "${name}" cannot be created with type ${typeText(asked)}, it already exists with different type ${typeText(type)}`,
    );
  return { client, workspace, isOld: true };
}

/** Asks ever less often: who may create and get a workspace may not watch for it. */
async function untilReady(
  client: ResourceClient<Workspace>,
  name: string,
  reference: string,
): Promise<Workspace> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    const workspace = await client.get(name);
    const phase = workspace.status?.phase ?? '';
    if (phase === 'Ready') return workspace;
    if (Date.now() > deadline) {
      const why = workspace.status?.conditions?.find((one) => one.status === 'False' && one.message);
      throw new OrreryError(
        'Timeout',
        `${reference} is not ready after ${READY_WITHIN_MS / 1000} s: its phase is ${phase === '' ? 'not set' : phase}${why === undefined ? '' : `: ${why.message}`}`,
        { hint: `it may become ready later: kubectl get workspace ${name}` },
      );
    }
    await systemClock.sleep(waitMs);
  }
}

/** `--create-context` and `--enter`. */
async function goIn(session: Session, workspace: Workspace, flags: CreateFlags): Promise<void> {
  if (flags.createContext !== undefined) {
    await addContext(session, flags.createContext, {
      overwrite: flags.ignoreExisting === true,
      keepCurrent: !flags.enter,
      ...(workspace.spec.URL !== undefined && { server: workspace.spec.URL }),
    });
  } else if (flags.enter) await enterWorkspace(session, join(session.path, workspace.metadata.name), {});
}
