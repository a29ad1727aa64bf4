/** EKS's API of REST and JSON: what reads and changes who may enter. Clusters are made by CloudFormation alone. Source: service model 2017-11-01. */
import { AwsError } from '../codebuild/errors.ts';
import { notFound, type AssociatedPolicy, type Clusters, type Tags } from './clusters.ts';
import { shownCluster, shownEntry, shownIdentity } from './shown.ts';

/** Parts of the path that are names. */
type Names = Record<string, string>;

interface Asked {
  clusters: Clusters;
  names: Names;
  query: URLSearchParams;
  body: Record<string, unknown>;
}

interface Route {
  operation: string;
  method: string;
  path: string;
  work: (asked: Asked) => object;
}

const PAGE = 100;

/** Part of a list with `nextToken`, which is where the next one begins. */
function listed(name: string, all: readonly unknown[], query: URLSearchParams): object {
  const size = Math.min(Number(query.get('maxResults') ?? PAGE), PAGE);
  const from = Number(query.get('nextToken') ?? 0);
  const next = from + size;
  return { [name]: all.slice(from, next), ...(next < all.length && { nextToken: String(next) }) };
}

const entryIn = ({ name = '', principal = '' }: Names) => ({ clusterName: name, principalArn: principal });
const clusterIn = ({ name = '' }: Names) => ({ clusterName: name });

const of = (method: string, path: string, [operation, work]: [string, Route['work']]): Route => ({
  operation,
  method,
  path,
  work,
});

const CLUSTERS = '/clusters';
const CLUSTER = '/clusters/{name}';
const ENTRIES = `${CLUSTER}/access-entries`;
const ENTRY = `${ENTRIES}/{principal}`;
const POLICIES = `${ENTRY}/access-policies`;
const IDENTITIES = `${CLUSTER}/pod-identity-associations`;
const IDENTITY = `${IDENTITIES}/{id}`;

const identityIn = ({ name = '', id = '' }: Names) => ({ clusterName: name, associationId: id });

const ROUTES: readonly Route[] = [
  of('GET', CLUSTERS, [
    'ListClusters',
    ({ clusters, query }) =>
      listed(
        'clusters',
        clusters.all.map(({ name }) => name),
        query,
      ),
  ]),
  of('GET', CLUSTER, [
    'DescribeCluster',
    ({ clusters, names }) => ({ cluster: shownCluster(clusters.get(clusterIn(names))) }),
  ]),
  of('GET', ENTRIES, [
    'ListAccessEntries',
    ({ clusters, names, query }) =>
      listed(
        'accessEntries',
        clusters.get(clusterIn(names)).entries.map(({ principalArn }) => principalArn),
        query,
      ),
  ]),
  of('POST', ENTRIES, [
    'CreateAccessEntry',
    ({ clusters, names, body }) => ({
      accessEntry: shownEntry(
        clusters.addEntry({ ...(body as { principalArn: string }), ...clusterIn(names) }),
      ),
    }),
  ]),
  of('GET', ENTRY, [
    'DescribeAccessEntry',
    ({ clusters, names }) => ({ accessEntry: shownEntry(clusters.entry(entryIn(names))) }),
  ]),
  of('DELETE', ENTRY, [
    'DeleteAccessEntry',
    ({ clusters, names }) => {
      clusters.removeEntry(entryIn(names));
      return {};
    },
  ]),
  of('GET', POLICIES, [
    'ListAssociatedAccessPolicies',
    ({ clusters, names, query }) => ({
      ...listed('associatedAccessPolicies', clusters.entry(entryIn(names)).policies, query),
      ...entryIn(names),
    }),
  ]),
  of('POST', POLICIES, [
    'AssociateAccessPolicy',
    ({ clusters, names, body }) => {
      const policy = body as unknown as AssociatedPolicy;
      clusters.addPolicy(entryIn(names), policy);
      return { ...entryIn(names), associatedAccessPolicy: policy };
    },
  ]),
  of('GET', IDENTITIES, [
    'ListPodIdentityAssociations',
    ({ clusters, names, query }) =>
      listed('associations', clusters.get(clusterIn(names)).identities.map(shownIdentity), query),
  ]),
  of('POST', IDENTITIES, [
    'CreatePodIdentityAssociation',
    ({ clusters, names, body }) => {
      const wanted = body as { namespace: string; serviceAccount: string; roleArn: string; tags?: Tags };
      return { association: clusters.addIdentity({ ...wanted, ...clusterIn(names) }) };
    },
  ]),
  of('GET', IDENTITY, [
    'DescribePodIdentityAssociation',
    ({ clusters, names }) => ({ association: clusters.identity(identityIn(names)) }),
  ]),
  of('DELETE', IDENTITY, [
    'DeletePodIdentityAssociation',
    ({ clusters, names }) => {
      const association = clusters.identity(identityIn(names));
      clusters.removeIdentity(identityIn(names));
      return { association };
    },
  ]),
  of('GET', `${CLUSTER}/addons`, [
    'ListAddons',
    ({ clusters, names }) => {
      clusters.get(clusterIn(names));
      // Auto Mode has what other clusters need addons for.
      return { addons: [] };
    },
  ]),
  of('GET', `${CLUSTER}/addons/{addon}`, [
    'DescribeAddon',
    ({ names }) => {
      throw notFound(`No addon: ${names['addon']} found in cluster: ${names['name']}`);
    },
  ]),
];

/** The names in a path; undefined where it is another one. Each is encoded, slashes as well. */
function match(pattern: string, path: string): Names | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const names: Names = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at]!;
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (name !== undefined) names[name] = decodeURIComponent(value);
    else if (part !== value) return undefined;
  }
  return names;
}

export interface Found {
  operation: string;
  /** ARN of what it is about, on which IAM decides. */
  clusterName: string | undefined;
  work: (clusters: Clusters, body: Record<string, unknown>) => object;
}

export function route(method: string, url: string): Found {
  const { pathname, searchParams: query } = new URL(url, 'http://eks.invalid');
  for (const one of ROUTES) {
    const names = one.method === method ? match(one.path, pathname) : undefined;
    if (!names) continue;
    const work: Found['work'] = (clusters, body) => one.work({ clusters, names, query, body });
    return { operation: one.operation, clusterName: names['name'], work };
  }
  throw new AwsError(
    'UnknownOperationException',
    `${method} ${pathname} is not supported by this stand-in`,
    404,
  );
}
