/** What an installation has in its cluster, loaded when it is needed. */
import type { ClusterPart } from './steps.ts';

export const clusterPart = async (): Promise<ClusterPart> => ({ steps: [], running: async () => [] });
