/** The profiles by name, and their adapters opened. A new profile is a line in the table; settings, operator and clients take it from there. */
import type { CommonConfig } from '../../config/common.ts';
import type { Kube } from '../../kube/connect.ts';
import type { ArtifactStore } from '../artifact-store/port.ts';
import { mirroredRegistry } from '../image-registry/mirrored.ts';
import { metered, type ProviderMetrics } from '../metered.ts';
import { retried } from '../retry.ts';
import { aws } from './aws.ts';
import { local } from './local.ts';
import type { Adapters, Profile, StoreNeeds } from './profile.ts';
import type { StorePlace } from './s3.ts';

/** The first is the default. */
const PROFILES = { local, aws };

export type ProfileName = keyof typeof PROFILES;

/** A profile's name with the settings that it has beside those of all. */
export type ProfileSettings<N extends ProfileName = ProfileName> = {
  [Name in N]: { profile: Name } & ReturnType<(typeof PROFILES)[Name]['settings']>;
}[N];

export const PROFILE_NAMES = Object.keys(PROFILES) as [ProfileName, ...ProfileName[]];

/** The profile of that name, for settings of its own. */
export const profileOf = (name: ProfileName): Profile<object> => PROFILES[name];

interface OperatorNeeds {
  kube: Pick<Kube, 'client' | 'clock'>;
  brokerCa: () => string;
  metrics: ProviderMetrics;
}

/** The operator's adapters, measured and repeated. Rejects where what they need is not there, naming it. */
export async function openAdapters(
  config: CommonConfig & ProfileSettings,
  { kube, brokerCa, metrics }: OperatorNeeds,
): Promise<Adapters> {
  const adapters = await profileOf(config.profile).adapters(config, {
    kube: kube.client,
    brokerCa,
    steadied: (port, name) => retried(metered(port, name, metrics)),
    monotonic: () => kube.clock.monotonic(),
  });
  return { ...adapters, registry: mirroredRegistry(adapters.registry, config.baseImageMirrors) };
}

/** A client's store, with the user's own credentials. Rejects with `StoreClosed` where there are none. */
export const openStore = (
  place: StorePlace & { profile: ProfileName },
  needs: StoreNeeds,
): Promise<ArtifactStore> => profileOf(place.profile).store(place, needs);
