/** Pure: which of Kubernetes' Pod Security Standards a Pod meets, by the rules of version 1.34. */
import type { Container, PodSpec } from './containers.ts';

/** From the loosest to the strictest. */
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
export type SecurityLevel = (typeof LEVELS)[number];

/** A rule that a Pod breaks. */
export interface Shortfall {
  /** The loosest level that has the rule. */
  level: 'baseline' | 'restricted';
  /** `container task starts as root`. */
  what: string;
}

type Security = NonNullable<Container['securityContext']> & NonNullable<PodSpec['securityContext']>;
type Rule = (spec: PodSpec) => string[];

const containersOf = ({ initContainers = [], containers }: PodSpec): Container[] => [
  ...initContainers,
  ...containers,
];

/** A rule that each container has to keep; `own` is what it sets itself, over what the Pod sets. */
const each =
  (
    what: string,
    breaks: (security: Partial<Security>, container: Container, own: Partial<Security>) => boolean,
  ): Rule =>
  (spec) =>
    containersOf(spec)
      .filter((container) => {
        const own = container.securityContext ?? {};
        return breaks({ ...spec.securityContext, ...own }, container, own);
      })
      .map(({ name }) => `container ${name} ${what}`);

/** A rule about what the Pod itself sets, which counts even where every container sets something else. */
const pod =
  (what: string, breaks: (spec: PodSpec, security: Partial<Security>) => boolean): Rule =>
  (spec) =>
    breaks(spec, spec.securityContext ?? {}) ? [`the Pod ${what}`] : [];

/** For what Pod and containers set alike. */
const both = (what: string, breaks: (security: Partial<Security>) => boolean): Rule[] => [
  pod(what, (_spec, security) => breaks(security)),
  each(what, (_security, _container, own) => breaks(own)),
];

const DOCKERS = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

const SELINUX_TYPES = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

const PROFILES = ['RuntimeDefault', 'Localhost'];
const isConfined = (profile: { type: string } | undefined): boolean =>
  profile !== undefined && PROFILES.includes(profile.type);
const isUnconfined = (profile: { type: string } | undefined): boolean =>
  profile !== undefined && !isConfined(profile);

const namesHost = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): boolean =>
  [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].some(
    (handler) => (handler?.httpGet?.host ?? handler?.tcpSocket?.host ?? '') !== '',
  );

const BASELINE: Rule[] = [
  pod('shares a namespace with the node', ({ hostNetwork, hostPID, hostIPC }) =>
    [hostNetwork, hostPID, hostIPC].includes(true),
  ),
  pod('mounts a folder of the node', ({ volumes = [] }) => volumes.some(({ hostPath }) => hostPath)),
  pod('sets a sysctl that is not safe', (_spec, { sysctls = [] }) =>
    sysctls.some(({ name }) => !SYSCTLS.has(name)),
  ),
  each('is privileged', ({ privileged }) => privileged === true),
  each('adds capabilities beyond Docker’s', ({ capabilities }) =>
    (capabilities?.add ?? []).some((name) => !DOCKERS.has(name)),
  ),
  each('takes a port of the node', (_security, { ports = [] }) => ports.some(({ hostPort }) => hostPort)),
  each('has a probe or hook that names a host', (_security, container) => namesHost(container)),
  each('unmasks /proc', ({ procMount = 'Default' }) => procMount !== 'Default'),
  ...both('runs as a process of the node', ({ windowsOptions }) => windowsOptions?.hostProcess === true),
  ...both('is without AppArmor', ({ appArmorProfile }) => isUnconfined(appArmorProfile)),
  ...both('is without seccomp', ({ seccompProfile }) => isUnconfined(seccompProfile)),
  ...both(
    'chooses its SELinux context',
    ({ seLinuxOptions: { type = '', user = '', role = '' } = {} }) =>
      !SELINUX_TYPES.has(type) || user !== '' || role !== '',
  ),
];

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const;

const RESTRICTED: Rule[] = [
  pod('has a volume of a kind that is not allowed', ({ volumes = [] }) =>
    volumes.some((volume) => !VOLUMES.some((kind) => volume[kind])),
  ),
  ...both('starts as root', ({ runAsUser }) => runAsUser === 0),
  each('is not known to run as another user than root', ({ runAsNonRoot, runAsUser }) =>
    // Said of root already.
    runAsUser === 0 ? false : runAsNonRoot !== true,
  ),
  pod('may run as root', (_spec, { runAsNonRoot }) => runAsNonRoot === false),
  each('may gain privileges', ({ allowPrivilegeEscalation }) => allowPrivilegeEscalation !== false),
  each(
    'keeps capabilities',
    ({ capabilities: { add = [], drop = [] } = {} }) =>
      !drop.includes('ALL') || add.some((name) => name !== 'NET_BIND_SERVICE'),
  ),
  each('has no seccomp profile', ({ seccompProfile }) => !isConfined(seccompProfile)),
];

/** Every rule of the two levels that the Pod breaks, those of `baseline` first. Of Pods for Linux; their annotations are not looked at. */
export const shortfallsOf = (spec: PodSpec): Shortfall[] => [
  ...BASELINE.flatMap((rule) => rule(spec)).map((what) => ({ level: 'baseline' as const, what })),
  ...RESTRICTED.flatMap((rule) => rule(spec)).map((what) => ({ level: 'restricted' as const, what })),
];

/** The strictest level that takes the Pod. */
export function securityLevelOf(spec: PodSpec): SecurityLevel {
  const [first] = shortfallsOf(spec);
  if (!first) return 'restricted';
  return first.level === 'baseline' ? 'privileged' : 'baseline';
}

/** Whether a namespace that enforces one level takes a Pod that meets the other. A namespace without the label enforces nothing. */
export const takes = (enforced: SecurityLevel, met: SecurityLevel): boolean =>
  LEVELS.indexOf(met) >= LEVELS.indexOf(enforced);

/** A namespace's label as a level; whatever is none enforces nothing, or, with an unknown word, everything: as Kubernetes does. */
export function enforcedLevel(label: string | undefined): SecurityLevel {
  if (label === undefined) return 'privileged';
  return LEVELS.find((level) => level === label) ?? 'restricted';
}
