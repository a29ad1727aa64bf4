import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { updatesGolden } from '../../../../test/support/golden.ts';
import type { Pod } from '../../../kube/kinds.ts';
import { ANNOTATION } from '../../../crds/names.ts';
import { cloudwatchLogLinks } from '../../../providers/log-links/cloudwatch.ts';
import { LOG_SHIPPER } from '../names.ts';
import { cluster } from '../stacks/cluster.ts';
import { logShipper, shipperSettings } from './logs.ts';
import { nodeClass, nodePool } from './nodes.ts';
import { clusterObjects, logObjects } from './objects.ts';
import { EXAMPLE } from './values.ts';

const GOLDEN = new URL('golden/fluent-bit.conf', import.meta.url);

/** The settings of one section. */
function settingsOf(text: string, section: string): Record<string, string> {
  const [, body = ''] = text.split(`[${section}]`);
  const lines = body.split('[').at(0) === undefined ? [] : body.split(/\n\n/, 1)[0]!.trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.trim().split(/\s+(.*)/, 2) as [string, string]));
}

/** What the plugin takes for the stream of a record, as its documentation has it: the template where all of it is there, else prefix and tag. */
function streamOf(output: Record<string, string>, record: { kubernetes: object }, tag: string): string {
  const [, first = '', second = ''] =
    /^\$kubernetes\['([^']+)'\]\['([^']+)'\]$/.exec(output['log_stream_template'] ?? '') ?? [];
  const found = (record.kubernetes as Record<string, Record<string, string> | undefined>)[first]?.[second];
  return found ?? `${output['log_stream_prefix']}${tag}`;
}

describe('Objects of a cluster on AWS', () => {
  it('have each a name of its own', () => {
    const names = Object.values(clusterObjects(EXAMPLE)).map(
      ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`,
    );
    expect(new Set(names).size).to.equal(names.length);
  });

  it('make nodes of the class that is there, with a disk of 100 Gi', () => {
    const { nodeClassRef } = nodePool().spec.template.spec;
    const { apiVersion, kind, metadata, spec } = nodeClass(EXAMPLE);
    expect(`${nodeClassRef.group}/v1`).to.equal(apiVersion);
    expect(nodeClassRef).to.include({ kind, name: metadata.name });
    expect(spec.ephemeralStorage.size).to.equal('100Gi');
    expect(spec.tags).to.include({ 'sb:stack': 'abundant-sb' });
  });

  it('never make more nodes than a limit, never end one for being used little, and end each within the 21 days of EKS', () => {
    const { limits, disruption, template } = nodePool().spec;
    expect(Object.keys(limits)).to.have.members(['cpu', 'memory', 'nodes']);
    expect(disruption.consolidationPolicy).to.equal('WhenEmpty');
    const hours = [template.spec.expireAfter, template.spec.terminationGracePeriod].map(Number.parseFloat);
    expect(hours.every((one) => one >= 24)).to.equal(true);
    expect(hours.reduce((sum, one) => sum + one)).to.be.below(21 * 24);
  });

  it('let all empty nodes go at once, and move no more than a tenth to newer ones', () => {
    expect(nodePool().spec.disruption.budgets).to.deep.equal([
      { nodes: '100%', reasons: ['Empty'] },
      { nodes: '10%', reasons: ['Drifted'] },
    ]);
  });

  it('have no nodes with GPUs unless so many were asked for', () => {
    const pools = (gpus?: number) =>
      Object.values(clusterObjects({ ...EXAMPLE, gpus })).flatMap(({ kind, metadata }) =>
        kind === 'NodePool' ? [metadata.name] : [],
      );
    expect(pools()).to.deep.equal(['sb-trials']);
    expect(pools(4)).to.deep.equal(['sb-trials', 'sb-gpus']);
  });

  it('take Pods that tolerate nothing, as Trials do', () => {
    expect(nodePool().spec.template.spec).to.not.have.property('taints');
  });
});

describe('Fluent Bit', () => {
  it('has the settings that were reviewed', async () => {
    const text = shipperSettings(EXAMPLE);
    if (updatesGolden()) await writeFile(GOLDEN, text);
    expect(text).to.equal(await readFile(GOLDEN, 'utf8'));
  });

  it('writes what a Trial prints to the stream that its status links to', () => {
    const links = cloudwatchLogLinks({ region: EXAMPLE.region, group: EXAMPLE.logGroup });
    const place = links.trial('hello__0123abc', '');
    const output = settingsOf(shipperSettings(EXAMPLE), 'OUTPUT');
    const annotations = { [ANNOTATION.logStream]: '/hello__0123abc' };
    expect(streamOf(output, { kubernetes: { annotations } }, 'kube.x')).to.equal(place.stream);
    expect(output['log_group_name']).to.equal(place.group);
  });

  it('writes what another Pod prints to a stream that is no Trial’s', () => {
    const output = settingsOf(shipperSettings(EXAMPLE), 'OUTPUT');
    expect(streamOf(output, { kubernetes: { annotations: {} } }, 'kube.x')).to.equal('other-kube.x');
  });

  it('reads Pods of the namespaces of Trials alone, and never its own', () => {
    const paths = shipperSettings({ ...EXAMPLE, namespaces: ['a', 'b'] }).match(/Path .*/g);
    expect(paths?.map((line) => line.split(/\s+/)[1])).to.deep.equal([
      '/var/log/containers/*_a_*.log',
      '/var/log/containers/*_b_*.log',
    ]);
    expect(shipperSettings(EXAMPLE)).to.not.contain(`_${LOG_SHIPPER.namespace}_`);
  });

  it('runs as the ServiceAccount that its role is for', () => {
    const [identity] = Object.values(cluster.Resources).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::EKS::PodIdentityAssociation' &&
        (Properties as { Namespace: unknown }).Namespace === LOG_SHIPPER.namespace,
    );
    const { 'daemon-set': daemonSet, 'service-account': account } = logShipper(EXAMPLE, '0');
    const { serviceAccountName } = (daemonSet as unknown as { spec: { template: Pod } }).spec.template.spec!;
    expect(identity?.Properties).to.include({ ServiceAccount: serviceAccountName });
    expect(account?.metadata).to.deep.equal({ name: serviceAccountName, namespace: LOG_SHIPPER.namespace });
  });

  it('begins anew when its settings change', () => {
    const labelsOf = (values: typeof EXAMPLE) =>
      JSON.stringify((logObjects(values)['daemon-set'] as unknown as { spec: object }).spec);
    expect(labelsOf(EXAMPLE)).to.not.equal(labelsOf({ ...EXAMPLE, logGroup: '/other' }));
  });
});
