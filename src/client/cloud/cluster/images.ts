/** The images that an installation brings along, by digest, in repositories of the account. */
import type { CloudContext } from '../steps.ts';

export interface ImageNames {
  /** The operator's, and so the courier's. */
  operator: string;
  buildKit: string;
  fluentBit: string;
}

export interface ToolImages {
  /** Whether all of them are there. */
  areThere(cloud: CloudContext): Promise<boolean>;
  /** Names with digests. Rejects where one is not there. */
  names(cloud: CloudContext): Promise<ImageNames>;
}
