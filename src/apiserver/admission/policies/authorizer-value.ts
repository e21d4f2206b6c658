import { CelCostExceeded, CelOpaque, type CelValue } from '../../../kube/index.ts';
import type { AuthorizationAttributes, Authorizer, Decision } from '../../authorization/authorizer.ts';
import type { User } from '../../http/messages.ts';
import type { AdmissionRequest } from '../admission.ts';

/** A check costs 350,000 units upstream, of ten million. */
const MOST_DECISIONS = 28;

/** An expression asked what the authorizer has not been asked yet: it is evaluated again with the answer. */
export class PendingDecision extends Error {
  readonly attributes: AuthorizationAttributes;
  constructor(attributes: AuthorizationAttributes) {
    super('the authorizer has not answered yet');
    this.name = 'PendingDecision';
    this.attributes = attributes;
  }
}

/** What the authorizer said about one request. Authorizers take their time, expressions do not. */
export class Decisions {
  readonly #authorizer: Authorizer;
  readonly #known = new Map<string, Decision>();

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /** `work` with everything answered that it asks. */
  async during<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof PendingDecision)) throw error;
        if (this.#known.size === MOST_DECISIONS) throw new CelCostExceeded();
        const decision = await this.#authorizer.authorize(error.attributes);
        this.#known.set(JSON.stringify(error.attributes), decision);
      }
    }
  }

  /** @throws PendingDecision */
  of(attributes: AuthorizationAttributes): Decision {
    const known = this.#known.get(JSON.stringify(attributes));
    if (known === undefined) throw new PendingDecision(attributes);
    return known;
  }
}

interface Check {
  decisions: Decisions;
  user: User;
  workspace: string;
}

/** CEL's `authorizer`; k8s.io/apiserver/pkg/cel/library authz. */
export class AuthorizerValue extends CelOpaque {
  readonly kind = 'opaque';
  readonly #check: Check;
  readonly #request: AdmissionRequest;

  constructor(decisions: Decisions, request: AdmissionRequest, user: User = request.user) {
    super();
    this.#check = { decisions, user, workspace: request.workspace };
    this.#request = request;
  }

  /** `authorizer.requestResource`: the check of what is asked for. */
  override field(name: string): CelValue | undefined {
    if (name !== 'requestResource') return undefined;
    const { resource, subresource, namespace, name: objectName } = this.#request;
    return new ResourceCheck(this.#check, {
      group: resource.group,
      version: resource.version,
      resource: resource.name,
      ...(subresource !== undefined && { subresource }),
      ...(namespace !== undefined && { namespace }),
      ...(objectName !== '' && { name: objectName }),
    });
  }

  call(name: string, args: readonly CelValue[]): CelValue | undefined {
    const [first, second] = args;
    if (name === 'path' && typeof first === 'string') return new PathCheck(this.#check, first);
    if (name === 'group' && typeof first === 'string') return new GroupCheck(this.#check, first);
    if (name === 'serviceAccount' && typeof first === 'string' && typeof second === 'string') {
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${first}`, 'system:authenticated'];
      const user = { name: `system:serviceaccount:${first}:${second}`, groups };
      return new AuthorizerValue(this.#check.decisions, this.#request, user);
    }
    return undefined;
  }
}

class PathCheck extends CelOpaque {
  readonly kind = 'opaque';
  readonly #check: Check;
  readonly #path: string;

  constructor(check: Check, path: string) {
    super();
    this.#check = check;
    this.#path = path;
  }

  call(name: string, [verb]: readonly CelValue[]): CelValue | undefined {
    if (name !== 'check' || typeof verb !== 'string') return undefined;
    const { decisions, user, workspace } = this.#check;
    return new DecisionValue(decisions.of({ user, workspace, verb, path: this.#path }));
  }
}

class GroupCheck extends CelOpaque {
  readonly kind = 'opaque';
  readonly #check: Check;
  readonly #group: string;

  constructor(check: Check, group: string) {
    super();
    this.#check = check;
    this.#group = group;
  }

  call(name: string, [resource]: readonly CelValue[]): CelValue | undefined {
    if (name !== 'resource' || typeof resource !== 'string') return undefined;
    return new ResourceCheck(this.#check, { group: this.#group, version: '*', resource });
  }
}

type ResourceAttributes = NonNullable<AuthorizationAttributes['resource']>;

class ResourceCheck extends CelOpaque {
  readonly kind = 'opaque';
  readonly #check: Check;
  readonly #resource: ResourceAttributes;

  constructor(check: Check, resource: ResourceAttributes) {
    super();
    this.#check = check;
    this.#resource = resource;
  }

  call(name: string, [text]: readonly CelValue[]): CelValue | undefined {
    if (typeof text !== 'string') return undefined;
    if (name === 'subresource' || name === 'namespace' || name === 'name')
      return new ResourceCheck(this.#check, { ...this.#resource, [name]: text });
    if (name !== 'check') return undefined;
    const { decisions, user, workspace } = this.#check;
    return new DecisionValue(
      decisions.of({ user, workspace, verb: text, path: '', resource: this.#resource }),
    );
  }
}

class DecisionValue extends CelOpaque {
  readonly kind = 'opaque';
  readonly #decision: Decision;

  constructor(decision: Decision) {
    super();
    this.#decision = decision;
  }

  call(name: string): CelValue | undefined {
    if (name === 'allowed') return this.#decision.verdict === 'allow';
    if (name === 'reason') return this.#decision.reason;
    if (name === 'errored') return false;
    return name === 'error' ? '' : undefined;
  }
}
