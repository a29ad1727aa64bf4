/** How every Go program of the cluster is built. */
import { versions } from '../versions.ts';

const release = [
  'gitVersion=v' + versions.kubernetes,
  'gitMajor=1',
  'gitMinor=' + versions.kubernetes.split('.')[1],
];
const stamps = release.map((value) => `-X k8s.io/component-base/version.${value}`);
// Inlining (-l leaves it out) is half of the compiler's work, and debug information, which -w would throw away, a seventh. Go's own
// packages are inlined: that is where programs spend their time.
export const goFlags = [
  '-trimpath',
  '-gcflags=all=-dwarf=false -l',
  '-gcflags=std=-dwarf=false',
  '-ldflags',
  ['-s -w', ...stamps].join(' '),
];
/** How every Go program here is built. A compiler that collects its garbage less often is done a tenth sooner. */
export const goEnvironment = {
  CGO_ENABLED: '0',
  GOFLAGS: '-buildvcs=false',
  GOGC: '400',
  GOMEMLIMIT: '2GiB',
};
