/** Addresses of objects for a browser. */
import { consoleUrl } from '../aws/partition.ts';

interface Place {
  bucket: string;
  region: string;
  endpoint?: string;
  publicEndpoint?: string;
}

const encodePath = (key: string): string => key.split('/').map(encodeURIComponent).join('/');

/**
 * The object’s own address on a server that is not AWS; on AWS the console’s page, which opens for whoever is logged in, where
 * the object’s own address would be refused. A key that ends in `/` names a folder.
 */
export function objectLink({ bucket, region, endpoint, publicEndpoint }: Place, key: string): string {
  const base = publicEndpoint ?? endpoint;
  if (base !== undefined) return `${base.replace(/\/+$/, '')}/${bucket}/${encodePath(key)}`;
  const page = key === '' || key.endsWith('/') ? 'buckets' : 'object';
  return consoleUrl(region, `s3/${page}/${bucket}?region=${region}&prefix=${encodeURIComponent(key)}`);
}
