import { expect } from 'chai';
import type { Pod } from '../../../kube/kinds.ts';
import type { Found } from './check.ts';
import { resultsOf, node, pod } from '../../../../test/support/client/doctor.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { imagePulls, nodeChecks } from './nodes.ts';
import { fitting, obstacle, quota, requestsOf } from './room.ts';

const NOW = new Date('2026-01-31T14:25:01Z');
const states = (found: readonly Found[]): string[] => found.map(({ state }) => state);

const container = (cpu: string, more: object = {}) => ({
  name: 'c',
  resources: { requests: { cpu, memory: '1Gi' } },
  ...more,
});
const on = (name: string, cpu: string, phase = 'Running'): Pod =>
  pod('p', { nodeName: name, containers: [container(cpu)] }, { phase });
const tainted = (key: string) => node('n', {}, { taints: [{ key, effect: 'NoSchedule' }] });

describe('The room on a node', () => {
  it('is what the Pods on it leave of what can be allocated', () => {
    expect(fitting(node('n'), [])).to.deep.equal({ now: 3, empty: 3 });
    expect(fitting(node('n'), [on('n', '900m'), on('other', '2')]).now).to.equal(2);
    expect(fitting(node('n'), [on('n', '2')]).now).to.equal(0);
    expect(fitting(node('n'), [on('n', '2', 'Succeeded')]).now).to.equal(3);
  });

  it('is as small as the scarcest resource makes it', () => {
    const allocatable = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '17Gi', pods: '110' };
    expect(fitting(node('n', { allocatable }), []).now).to.equal(2);
    expect(fitting(node('n', { allocatable: { ...allocatable, pods: '1' } }), []).now).to.equal(1);
  });

  it('counts sidecars beside the containers, and init containers only where they are the largest', () => {
    const cpuOf = (initContainers: object[]): number =>
      requestsOf({ containers: [container('500m')], initContainers: initContainers as [] }).cpu;
    const sidecar = container('100m', { restartPolicy: 'Always' });
    expect(cpuOf([sidecar])).to.be.closeTo(0.6, 1e-9);
    expect(cpuOf([container('400m')])).to.be.closeTo(0.5, 1e-9);
    expect(cpuOf([sidecar, container('1')])).to.be.closeTo(1.1, 1e-9);
  });

  it('is of no use where Trials may not go', () => {
    expect(obstacle(node('n'))).to.equal(undefined);
    expect(obstacle(tainted('gpu'))).to.equal('has the taint gpu:NoSchedule');
    expect(obstacle(node('n', {}, { unschedulable: true }))).to.equal('is cordoned');
    expect(obstacle(node('n', { conditions: [{ type: 'Ready', status: 'Unknown' }] }))).to.equal(
      'is not ready',
    );
    const softly = node('n', {}, { taints: [{ key: 'a', effect: 'PreferNoSchedule' }] });
    expect(obstacle(softly)).to.equal(undefined);
  });
});

describe('sb doctor about the nodes', () => {
  const full = [on('n', '2')];
  const looked = (nodes: KubeObject[], pods: Pod[] = [], grows = false): Promise<Found[]> =>
    resultsOf(
      nodeChecks.find(({ name }) => name === 'nodes'),
      {
        objects: { Node: nodes, Pod: pods },
        raw: () => (grows ? { preferredVersion: { version: 'v1' } } : undefined),
      },
    );
  const judged = async (...of: Parameters<typeof looked>): Promise<Found | undefined> =>
    (await looked(...of))[0];

  it('counts the default Trials that have room now', async () => {
    expect((await judged([node('n'), tainted('a')]))?.what).to.equal(
      'there is room for 3 default Trials on 1 of 2 nodes',
    );
  });

  it('tells a cluster that is full from one that is too small', async () => {
    expect((await judged([node('n')], full))?.state).to.equal('warning');
    const small = node('n', {
      allocatable: { cpu: '400m', memory: '8Gi', 'ephemeral-storage': '40Gi', pods: '9' },
    });
    expect(await judged([small])).to.include({
      state: 'problem',
      why: 'every node is too small, even when idle',
    });
    expect((await judged([tainted('gpu')]))?.why).to.equal('every node has the taint gpu:NoSchedule');
    expect((await judged([]))?.why).to.equal('the cluster has no node');
  });

  it('expects the next node where nodes are added', async () => {
    expect((await judged([node('n')], full, true))?.state).to.equal('fine');
    expect((await judged([], [], true))?.state).to.equal('fine');
  });

  it('names every node under pressure', async () => {
    const pressed = node('n', {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'True' },
      ],
    });
    const found = await looked([pressed, node('m')]);
    expect(found.map(({ what }) => what)).to.include('node n has DiskPressure');
    expect(states(found)).to.deep.equal(['fine', 'problem']);
  });

  it('gives the way out of DiskPressure as commands, and has a pool replace its own node', async () => {
    const fixOf = async (labels: Record<string, string>): Promise<string[]> => {
      const pressed = node('n', { conditions: [{ type: 'DiskPressure', status: 'True' }] });
      pressed.metadata.labels = labels;
      const found = (await looked([pressed])).find(({ what }) => what === 'node n has DiskPressure');
      return (found?.fix ?? '').split('\n').map((line) => line.split('    #')[0] ?? '');
    };
    const pods = 'kubectl get pods -A -o wide --field-selector spec.nodeName=n';
    expect(await fixOf({ 'karpenter.sh/nodepool': 'sb-trials' })).to.deep.equal([
      'kubectl cordon n',
      pods,
      'kubectl delete node n',
    ]);
    const own = await fixOf({});
    expect(own).to.include.members(['kubectl cordon n', pods, 'kubectl uncordon n']);
    expect(own).to.not.include('kubectl delete node n');
  });

  it('finds Pods that are left as ContainerStatusUnknown, and no others that failed', async () => {
    const ended = (name: string, reason: string) =>
      pod(
        name,
        {},
        {
          phase: 'Failed',
          containerStatuses: [
            {
              name: 'task',
              image: 'a',
              imageID: '',
              ready: false,
              restartCount: 0,
              state: { terminated: { exitCode: 137, reason } },
            },
          ],
        },
      );
    const found = (...pods: Pod[]) =>
      resultsOf(
        nodeChecks.find(({ name }) => name === 'lost-pods'),
        { objects: { Pod: pods } },
      );
    expect(await found(ended('b', 'Error'))).to.deep.equal([]);
    const [lost] = await found(ended('a', 'ContainerStatusUnknown'), ended('b', 'Error'));
    expect(lost).to.include({ state: 'warning', what: '1 Pod is left as ContainerStatusUnknown' });
    expect(lost?.fix).to.equal('kubectl -n a delete pods a');
    const many = Array.from({ length: 25 }, (_, at) => ended(`p${at}`, 'ContainerStatusUnknown'));
    expect((await found(...many))[0]?.fix).to.match(/ p19 {4}\(and 5 more\)$/);
  });
});

describe('sb doctor about quotas', () => {
  const having = (hard: Record<string, string>, used: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    status: { hard, used },
  });
  const looked = (...quotas: KubeObject[]): Promise<Found[]> =>
    resultsOf(quota, { objects: { ResourceQuota: quotas } });
  const judged = (hard: string, used: string, resource = 'requests.cpu'): Promise<Found[]> =>
    looked(having({ [resource]: hard }, { [resource]: used }));

  it('tells one that is used up from one that is too small', async () => {
    expect(states(await judged('4', '3'))).to.deep.equal(['fine']);
    expect(states(await judged('4', '3900m'))).to.deep.equal(['warning']);
    expect(states(await judged('500m', '0'))).to.deep.equal(['problem']);
    expect((await judged('1', '1', 'count/trials.sb.abundant.ai'))[0]?.why).to.include('1 of 1 used');
  });

  it('leaves alone what no Trial counts as', async () => {
    expect(states(await judged('0', '0', 'services.loadbalancers'))).to.deep.equal(['fine']);
    expect((await looked())[0]?.what).to.equal('namespace a has no quota');
  });
});

describe('sb doctor about pulls of images', () => {
  const event = (message: string, minutes = 1, reason = 'Failed') => ({
    reason,
    message,
    lastTimestamp: new Date(NOW.getTime() - minutes * 60_000).toISOString(),
  });
  const judged = (...events: object[]): Promise<Found[]> =>
    resultsOf(imagePulls, { objects: { Event: events as KubeObject[] }, session: { now: () => NOW } });
  const HUB =
    'Failed to pull image "debian:12": httpReadSeeker: failed open: unexpected status code 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.';

  it('knows Docker Hub’s limit, and where to pull from instead', async () => {
    const [found] = await judged(event('not found'), event(HUB));
    expect(found).to.include({ state: 'problem', why: HUB });
    expect(found?.fix).to.include('public.ecr.aws/docker/library/');
  });

  it('knows a disk that is full', async () => {
    const [found] = await judged(event('failed to extract layer: no space left on device'));
    expect(found?.what).to.equal('a node has no disk left for images');
  });

  it('forgets after an hour, and leaves other failures to others', async () => {
    expect(states(await judged(event(HUB, 90)))).to.deep.equal(['fine']);
    expect(states(await judged(event('manifest unknown'), event(HUB, 1, 'Pulled')))).to.deep.equal(['fine']);
  });

  it('takes an event that has only a time of the newer kind', async () => {
    const { message, reason } = event(HUB);
    const newer = { message, reason, lastTimestamp: null, eventTime: NOW.toISOString() };
    expect(states(await judged(newer))).to.deep.equal(['problem']);
  });
});
