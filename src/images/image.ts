/** The image of an environment: what is asked for, and what is known of it. */
import type { Environment } from '../crds/environment.ts';
import type { ImageConfig } from '../crds/image-config.ts';
import type { TaskBuild } from '../crds/task-build.ts';

/** The image that an object needs for one of its environments, whatever the role. */
export interface ImageWanted {
  namespace: string;
  environment: Pick<Environment, 'image' | 'buildRef' | 'build'>;
  /** Path of the environment in its object, as messages name it: `spec.environment`. */
  field: string;
  /** A build of its own that failed before this is tried again. RFC 3339, UTC. */
  since: string;
}

/** An image that a container can run. */
export interface ReadyImage {
  /** By digest. */
  reference: string;
  digest: string;
  config: ImageConfig;
  /** The TaskBuild that made it, where one did. */
  taskBuild?: string;
}

/** Why there will be no image. */
export type ImageFailedReason =
  'BuildFailed' | 'BuildNotFound' | 'ImageAccessDenied' | 'ImageNotFound' | 'NameConflict';

export type ImageSeen =
  | { kind: 'ready'; image: ReadyImage }
  | { kind: 'building'; taskBuild: string; message: string }
  /** No TaskBuild of that content exists. `stale` is one that failed before `since`: it is replaced. */
  | { kind: 'toBuild'; taskBuild: string; stale?: TaskBuild }
  | { kind: 'failed'; reason: ImageFailedReason; message: string }
  | { kind: 'unavailable'; message: string };
