/** User, directory and start command out of the image's config in the registry. */
export interface ImageConfig {
  /** `USER`, as written: name or number, perhaps with `:group`; empty for root. */
  user: string;
  /** `WORKDIR`; `/` where the image has none. */
  workdir: string;
  entrypoint: string[];
  cmd: string[];
}
