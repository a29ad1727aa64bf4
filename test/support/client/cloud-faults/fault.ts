/** What a fault of `sb cloud` is, and how tests bring one about. */
import type { ApiServer, FaultRule } from '../../api-server.ts';
import { ACCOUNT, REGION, STACK } from '../../aws/facts.ts';
import type { CallFault } from '../../cloudformation/faults.ts';
import type { Folder } from '../../folder.ts';
import { STACKS } from '../../../../src/installation/aws/stacks/stacks.ts';
import { awsError, OF_A_PERSON } from '../../../../src/providers/aws/errors.ts';
import type { Code } from '../../../../src/client/failures/error.ts';
import type { CloudWish } from '../../../../src/client/cloud/installation.ts';
import type { CloudWorld, Says } from '../cloud-world.ts';
import { live, type Lives } from '../living-cluster.ts';

/** An account, and a cluster where a row is about one. */
export interface FaultWorld extends CloudWorld {
  home: Folder;
  server: ApiServer;
  lives: Lives;
}

export type Mend = () => unknown;

/** What goes wrong, what is said, and what mends it: then the same command goes on to the same end. */
export interface Fault {
  what: string;
  /** Default: `init`. All others begin with an installation. */
  on?: 'init' | 'down' | 'purge' | 'update';
  /** Gives what mends it; nothing where it is over by itself. */
  fault: (w: FaultWorld) => Mend | void | Promise<Mend | void>;
  code: Code;
  /** In what is said, why, and what to do. */
  says: RegExp;
  wish?: Partial<CloudWish>;
  /** Options that are right. */
  after?: Partial<CloudWish>;
  /** With what is in the cluster. */
  inside?: true;
}

export const call =
  (fault: CallFault) =>
  ({ formation }: FaultWorld): Mend => {
    const injected = formation.inject({ times: 99, ...fault });
    return () => injected.release();
  };

/** A resource fails once, in CloudFormation's words. */
export const resource =
  (name: string, reason: string, doing?: 'create' | 'update' | 'delete') =>
  ({ formation }: FaultWorld): void =>
    void formation.inject({ kind: 'fail', resource: name, reason, ...(doing && { doing }) });

/** A call of the account fails as its adapter has it. */
export const refused =
  (name: Parameters<Says['refused']['set']>[0], code: string, message: string) =>
  ({ says }: FaultWorld): Mend => {
    const error = Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode: 403 } });
    says.refused.set(name, awsError({ call: name, reasons: OF_A_PERSON }, error));
    return () => says.refused.delete(name);
  };

export const taken =
  (type: string, physicalId: string) =>
  ({ things }: FaultWorld): Mend => {
    const thing = { type, physicalId, properties: {} };
    things.push(thing);
    return () => things.splice(things.indexOf(thing), 1);
  };

export const stackOf = ({ formation }: FaultWorld, part: string) =>
  formation.stacks.findLast(({ name, deleted }) => name === `${STACK}-${part}` && !deleted);

/** A stack of our name, made by others; they take it away again. */
export const foreign =
  (tags: Record<string, string>, Description: string) =>
  async (w: FaultWorld): Promise<Mend> => {
    const template = JSON.stringify({
      Description,
      Resources: { A: { Type: 'AWS::EC2::InternetGateway', Properties: {} } },
    });
    await w.with(async ({ ports }) => {
      const changes = await ports.stacks.plan(
        { name: `${STACK}-artifacts`, template, parameters: {}, tags },
        'create',
      );
      await ports.stacks.execute(changes!, 'create');
      await w.formation.idle();
    });
    return () =>
      w.with(async ({ ports }) => {
        await ports.stacks.remove(stackOf(w, 'artifacts')!.id);
        await w.formation.idle();
      });
  };

type Resources = Record<string, object>;

/** The artifacts as another version of `sb` has made them. */
export async function older(w: FaultWorld, alter: (resources: Resources) => Resources): Promise<void> {
  await w.with(async ({ ports, stacks, context }) => {
    const { name, parameters, tags } = (await stacks.artifacts.find(context))!;
    const template = JSON.stringify({ ...STACKS.artifacts, Resources: alter(STACKS.artifacts.Resources) });
    await ports.stacks.execute(
      (await ports.stacks.plan({ name, template, parameters, tags }, 'update'))!,
      'update',
    );
    await w.formation.idle();
  });
}
/** Builds had another time then. */
export const withoutTime = ({ Project, ...rest }: Resources): Resources => {
  const { Properties, ...project } = Project as { Properties: object };
  return { ...rest, Project: { ...project, Properties: { ...Properties, TimeoutInMinutes: 7 } } };
};

/** In the cluster: the API server answers some requests like this. */
export const api =
  (rule: FaultRule) =>
  ({ server }: FaultWorld): Mend => {
    server.faults.add({ times: Infinity, ...rule });
    return () => server.faults.clear();
  };
export const lives =
  (otherwise: Lives) =>
  (w: FaultWorld): Mend => {
    w.lives = otherwise;
    return () => live(w.server, (w.lives = {}));
  };
export const waiting = (reason: string, message: string): Lives => ({
  ready: 0,
  pod: {
    spec: { containers: [{ name: 'operator' }] },
    status: {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True' }],
      containerStatuses: [{ name: 'operator', restartCount: 0, state: { waiting: { reason, message } } }],
    },
  },
});

export const handler = (service: string, message: string): string =>
  `${message} (Service: ${service}, Status Code: 400)`;
export const may = (action: string): string =>
  `User: arn:aws:iam::${ACCOUNT}:user/admin is not authorized to perform: ${action} on resource: x because no identity-based policy allows the ${action} action`;
export const BUCKET = `${STACK}-artifacts-${ACCOUNT}-${REGION}`;
