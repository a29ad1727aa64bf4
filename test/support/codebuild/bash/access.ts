/** How the build's own machinery reaches a service, as the project's service role. */
export interface AwsAccess {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}
