import { networkInterfaces } from 'node:os';
import { docker, succeeds } from './process.ts';

export type Container = { running: boolean; paused: boolean; config: string; address: string };

type Inspected = {
  State: { Running: boolean; Paused: boolean };
  Config: { Labels: Record<string, string> | null };
  NetworkSettings: { Networks: Record<string, { IPAddress: string } | undefined> };
};

/** What the engine knows about a container; undefined where there is none. A paused container does not count as running. */
export async function inspect(name: string): Promise<Container | undefined> {
  const output = await docker(['container', 'inspect', name]).catch(() => '[]');
  const [found] = JSON.parse(output) as Inspected[];
  if (!found) return undefined;
  return {
    running: found.State.Running && !found.State.Paused,
    paused: found.State.Paused,
    config: found.Config.Labels?.['sb-config'] ?? '',
    address: found.NetworkSettings.Networks['kind']?.IPAddress ?? '',
  };
}

export const hasImage = (name: string) => succeeds('docker', ['image', 'inspect', name]);

/** Forgets the other tags of an image that was made anew. */
export async function keepOnly(image: string): Promise<void> {
  const [repository = ''] = image.split(':');
  const known = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', repository]);
  for (const other of known.split('\n').filter((name) => name !== '' && name !== image))
    await succeeds('docker', ['rmi', other]);
}

/** The network that nodes and services share; kind takes it as it is. */
export async function ensureNetwork(): Promise<void> {
  if (!(await succeeds('docker', ['network', 'inspect', 'kind'])))
    await docker(['network', 'create', '-d', 'bridge', 'kind']);
}

type Network = { IPAM: { Config: { Gateway?: string }[] | null } };

/** The address under which containers, nodes and pods reach programs of this machine. */
export async function hostAddress(): Promise<string> {
  const [network] = JSON.parse(await docker(['network', 'inspect', 'kind'])) as Network[];
  const gateways = (network?.IPAM.Config ?? []).map(({ Gateway }) => Gateway ?? '');
  const ipv4 = gateways.find((gateway) => gateway.includes('.'));
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  if (ipv4 !== undefined && own.some(({ address }) => address === ipv4)) return ipv4;
  throw new Error(
    `Containers have to reach programs of this machine over the gateway of Docker's network kind, and ${ipv4 ?? 'none'} is no address of this machine (Docker Desktop and rootless Docker are like that).`,
  );
}
