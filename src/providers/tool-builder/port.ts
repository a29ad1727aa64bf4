/** Brings the images that an installation needs into its registry: copies of others', and the operator's own. */

/** One image, by name and tag or digest, and what it is called in the registry. */
export interface Copy {
  source: string;
  target: string;
}

export interface ToolBuild {
  /** The same for the same build: it is started once. */
  token: string;
  copies: readonly Copy[];
  /** An image that is built, where one is: of an archive in the store, checked before it is unpacked. */
  image?: { target: string; platform: string; context: { bucket: string; key: string; sha256: string } };
  /** Whether there is a login at Docker Hub among the installation's secrets. */
  loggedIn: boolean;
}

export type ToolBuildState =
  /** `phase`: what it does, in the builder's own word. */
  | { kind: 'running'; phase: string }
  | { kind: 'succeeded' }
  /** `log`: its last lines. */
  | { kind: 'failed'; phase: string; log: string };

export interface ToolBuilder {
  /** Resolves to the build's id. */
  start(build: ToolBuild): Promise<string>;
  state(id: string): Promise<ToolBuildState>;
}
