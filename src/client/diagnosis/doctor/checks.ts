/** What `sb doctor` looks at, in the order in which it is printed. */
import { autoscaling } from './capacity/autoscaling.ts';
import { imagePulls } from './capacity/image-pulls.ts';
import { nodes } from './capacity/nodes.ts';
import { processes } from './capacity/processes.ts';
import { quota } from './capacity/quota.ts';
import { apiServer } from './cluster/api-server.ts';
import { clock } from './cluster/clock.ts';
import { customResources } from './cluster/custom-resources.ts';
import { kubernetes } from './cluster/kubernetes.ts';
import { namespace } from './cluster/namespace.ts';
import { permissions } from './cluster/permissions.ts';
import { versions } from './cluster/versions.ts';
import type { Check, Patient } from './check-result.ts';
import { broker } from './installation/broker.ts';
import { operator } from './installation/operator.ts';
import { registry } from './installation/registry.ts';
import { store } from './installation/store.ts';
import { disk, type Machine } from './machine/disk.ts';

/** Name of the check that all other checks of the cluster depend on. */
export const API_SERVER = apiServer.name;

export const clusterChecks: readonly Check<Patient>[] = [
  apiServer,
  kubernetes,
  clock,
  versions,
  customResources,
  namespace,
  permissions,
  operator,
  broker,
  store,
  registry,
  quota,
  nodes,
  processes,
  autoscaling,
  imagePulls,
];

export const machineChecks: readonly Check<Machine>[] = [disk];
