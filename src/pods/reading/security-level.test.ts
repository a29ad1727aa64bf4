import { expect } from 'chai';
import type { Container, PodSpec } from './containers.ts';
import { enforcedLevel, securityLevelOf, shortfallsOf, takes, type Shortfall } from './security-level.ts';

/** A container that `restricted` takes. */
const strict: Container = {
  name: 'a',
  image: 'a:1',
  securityContext: {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  },
};
const withSecurity = (over: NonNullable<Container['securityContext']>): Container => ({
  ...strict,
  securityContext: { ...strict.securityContext, ...over },
});
const podOf = (container: Container, over: Partial<PodSpec> = {}): PodSpec => ({
  containers: [container],
  ...over,
});

const broken: [what: string, level: Shortfall['level'], spec: PodSpec][] = [
  ['shares a namespace', 'baseline', podOf(strict, { hostPID: true })],
  ['folder of the node', 'baseline', podOf(strict, { volumes: [{ name: 'v', hostPath: { path: '/' } }] })],
  [
    'sysctl that is not safe',
    'baseline',
    podOf(strict, { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
  ],
  ['is privileged', 'baseline', podOf(withSecurity({ privileged: true }))],
  [
    'adds capabilities',
    'baseline',
    podOf(withSecurity({ capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] } })),
  ],
  [
    'adds capabilities',
    'baseline',
    podOf(withSecurity({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } })),
  ],
  ['port of the node', 'baseline', podOf({ ...strict, ports: [{ containerPort: 80, hostPort: 80 }] })],
  [
    'names a host',
    'baseline',
    podOf({ ...strict, livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }),
  ],
  ['unmasks /proc', 'baseline', podOf(withSecurity({ procMount: 'Unmasked' }))],
  ['without AppArmor', 'baseline', podOf(withSecurity({ appArmorProfile: { type: 'Unconfined' } }))],
  [
    'without seccomp',
    'baseline',
    podOf(strict, { securityContext: { seccompProfile: { type: 'Unconfined' } } }),
  ],
  ['SELinux', 'baseline', podOf(withSecurity({ seLinuxOptions: { user: 'system_u' } }))],
  ['process of the node', 'baseline', podOf(withSecurity({ windowsOptions: { hostProcess: true } }))],
  [
    'volume of a kind',
    'restricted',
    podOf(strict, { volumes: [{ name: 'v', nfs: { server: 'a', path: '/' } }] }),
  ],
  ['container a starts as root', 'restricted', podOf(withSecurity({ runAsUser: 0 }))],
  ['the Pod starts as root', 'restricted', podOf(strict, { securityContext: { runAsUser: 0 } })],
  ['not known to run as another user', 'restricted', podOf(withSecurity({ runAsNonRoot: false }))],
  ['may gain privileges', 'restricted', podOf(withSecurity({ allowPrivilegeEscalation: true }))],
  ['keeps capabilities', 'restricted', podOf(withSecurity({ capabilities: { drop: ['MKNOD'] } }))],
  [
    'keeps capabilities',
    'restricted',
    podOf(withSecurity({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } })),
  ],
];

describe('the Pod Security level of a Pod', () => {
  it('is restricted where nothing is broken', () => {
    const sysctls = ['net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start'];
    const safe = podOf(withSecurity({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), {
      securityContext: { sysctls: sysctls.map((name) => ({ name, value: '0' })) },
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', projected: {} },
        { name: 'c', configMap: { name: 'c' } },
      ],
    });
    expect(shortfallsOf(safe)).to.deep.equal([]);
    expect(securityLevelOf(safe)).to.equal('restricted');
  });

  for (const [what, level, spec] of broken)
    it(`is less than ${level} for a Pod that breaks: ${what}`, () => {
      const found = shortfallsOf(spec);
      expect(found.some((one) => one.level === level && one.what.includes(what))).to.equal(
        true,
        JSON.stringify(found),
      );
      expect(securityLevelOf(spec)).to.equal(level === 'baseline' ? 'privileged' : 'baseline');
    });

  it('takes from the Pod what a container leaves out', () => {
    const { seccompProfile: _, runAsNonRoot: __, ...rest } = strict.securityContext ?? {};
    const bare = { ...strict, securityContext: rest };
    const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
    expect(securityLevelOf(podOf(bare))).to.equal('baseline');
    expect(securityLevelOf(podOf(bare, { securityContext }))).to.equal('restricted');
  });

  it('looks at init containers, too', () =>
    expect(securityLevelOf(podOf(strict, { initContainers: [{ name: 'i', image: 'i' }] }))).to.equal(
      'baseline',
    ));

  it('decides which namespaces take it', () => {
    expect(takes('baseline', 'baseline')).to.equal(true);
    expect(takes('privileged', 'baseline')).to.equal(true);
    expect(takes('restricted', 'baseline')).to.equal(false);
    expect(enforcedLevel(undefined)).to.equal('privileged');
    expect(enforcedLevel('baseline')).to.equal('baseline');
    expect(enforcedLevel('latest')).to.equal('restricted');
  });
});
