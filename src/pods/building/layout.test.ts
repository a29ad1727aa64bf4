import { expect } from 'chai';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { podSpec, ROLES, type ContainerLayout, type Role } from './layout.ts';

type Volume = 'given' | 'missing';

const container = (role: Role, over: Partial<ContainerLayout<Volume>> = {}): ContainerLayout<Volume> => ({
  role,
  image: `${role}:1`,
  mounts: [],
  ...over,
});
const rendered = (...containers: ContainerLayout<Volume>[]) =>
  podSpec<Volume>({
    securityContext: { runAsUser: 7 },
    containers,
    volumes: { given: { emptyDir: {} }, missing: undefined },
  });
const names = (containers: { name: string }[] = []): string[] => containers.map(({ name }) => name);

describe('a Pod out of the list of its containers', () => {
  it('puts each where its role is, in the order of the list', () => {
    const { initContainers, containers } = rendered(
      container('courier'),
      container('task'),
      container('context'),
      container('build'),
    );
    expect(names(initContainers)).to.deep.equal(['courier', 'context']);
    expect(names(containers)).to.deep.equal(['task', 'build']);
    expect(initContainers?.map(({ restartPolicy }) => restartPolicy)).to.deep.equal(['Always', undefined]);
  });

  it('lets a main container go first, and gives one of several a name of its own', () => {
    const { initContainers, containers } = rendered(
      container('courier'),
      container('task', { first: true }),
      container('verifier', { name: 'verifier-2' }),
    );
    expect(names(initContainers)).to.deep.equal(['courier', 'task']);
    expect(names(containers)).to.deep.equal(['verifier-2']);
    expect(initContainers?.[1]).not.to.have.any.keys('restartPolicy', 'first');
  });

  for (const role of Object.keys(CONTAINERS) as Role[])
    it(`gives ${role} ${ROLES[role].runs === 'ours' ? 'no right at all' : 'what Docker gives an image, without device nodes'}`, () => {
      const { initContainers = [], containers } = rendered(container(role));
      const [{ securityContext } = {}] = [...initContainers, ...containers];
      expect(securityContext).to.deep.equal(
        ROLES[role].runs === 'ours'
          ? { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
          : { runAsUser: 0, runAsGroup: 0, capabilities: { drop: ['MKNOD'] } },
      );
    });

  it('has no token of a ServiceAccount and no addresses of Services, runs once and under the runtime’s seccomp profile', () => {
    expect(rendered(container('task'))).to.deep.include({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsUser: 7, seccompProfile: { type: 'RuntimeDefault' } },
    });
  });

  it('mounts no volume that it does not have', () => {
    const mounts = [
      { volume: 'given', path: '/a', readOnly: true },
      { volume: 'missing', path: '/b' },
    ] as const;
    const { containers, volumes } = rendered(container('task', { mounts: [...mounts] }));
    expect(volumes).to.deep.equal([{ name: 'given', emptyDir: {} }]);
    expect(containers[0]?.volumeMounts).to.deep.equal([{ name: 'given', mountPath: '/a', readOnly: true }]);
  });

  it('gives a container the resources of its role, or its own', () => {
    const own = { requests: { cpu: '1' } };
    const { initContainers, containers } = rendered(
      container('courier', { user: 65_000 }),
      container('task', { resources: own }),
    );
    expect(initContainers?.[0]?.resources).to.deep.equal(ROLES.courier.resources);
    expect(initContainers?.[0]?.securityContext).to.include({ runAsUser: 65_000, runAsNonRoot: true });
    expect(containers[0]?.resources).to.deep.equal(own);
  });
});
