import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import type { Job } from '../../../kube/kinds.ts';
import { buildctlArguments, buildJob } from './manifests.ts';
import type { Build } from '../port.ts';

const build: Build = {
  token: 'hello-0123456789ab-1',
  owner: { namespace: 'evals', name: 'hello-0123456789ab', uid: '0000-1111' },
  attempt: 1,
  image: 'sb-registry:5000/sandboxes:hello-0123456789ab',
  context: { kind: 's3' },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: { VERSION: '1.2' },
  timeoutSeconds: 1800,
};
const settings = {
  address: 'tcp://sb-buildkit:1234',
  buildctlImage: 'sb-registry:5000/buildctl:v0.27.1',
  courierImage: 'sb-registry:5000/sb-operator:abc',
  brokerUrl: 'https://sb-broker.sb-system.svc:8443',
  brokerCa: '-----BEGIN CERTIFICATE-----\n',
};

const rendered = (job: Job): string => dump(job, { noRefs: true, lineWidth: -1 });
const golden = (name: string): string => readFileSync(join(import.meta.dirname, 'golden', name), 'utf8');

const options = (change: Partial<Build>): string[] => {
  const list = buildctlArguments({ ...build, buildArgs: {}, ...change }, settings.address);
  return list.filter((_, index) => list[index - 1] === '--opt');
};

describe('Job of a build', () => {
  it('fetches an archive with a token and builds it', () => {
    expect(rendered(buildJob(build, settings))).to.equal(golden('s3.yaml'));
  });

  it('reads a ConfigMap without any token', () => {
    const job = buildJob({ ...build, context: { kind: 'configMap', name: 'hello-context' } }, settings);
    expect(rendered(job)).to.equal(golden('config-map.yaml'));
  });

  it('hands what people wrote to buildctl as single arguments, with dollars that Kubernetes leaves alone', () => {
    const job = buildJob({ ...build, buildArgs: { A: '$(HOME) "x", y; $$z' }, target: '$(id)' }, settings);
    const { args, command } = job.spec!.template.spec!.containers[0]!;
    expect(args).to.include.members(['build-arg:A=$$(HOME) "x", y; $$$$z', 'target=$$(id)']);
    expect(command!.join('\n')).to.not.match(/\$\(/);
  });

  it('keeps the Dockerfile within the context', () => {
    expect(options({ dockerfile: './docker/../app/Dockerfile.gpu' })).to.include(
      'filename=app/Dockerfile.gpu',
    );
    expect(options({ dockerfile: '../../etc/passwd' })).to.include('filename=etc/passwd');
  });

  it('lets an image name add no attribute to the output', () => {
    const list = buildctlArguments({ ...build, image: 'a,push=false,"b' }, settings.address);
    expect(list.at(-1)).to.equal('type=image,"name=a,push=false,""b",push=true');
  });
});
