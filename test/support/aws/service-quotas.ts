/**
 * Service Quotas: what an account may have at once. A quota has AWS's default, and may have a value of the account's own; whoever asks for that
 * where there is none is told that there is no such thing. Source: service model 2019-06-24, GetServiceQuota and GetAWSDefaultServiceQuota.
 */
import { AwsError } from './wire.ts';

export interface Quota {
  service: string;
  name: string;
  /** AWS's. */
  default: number;
  /** The account's. */
  applied?: number;
}

/** As a new account has them. */
const NEW: Readonly<Record<string, Quota>> = {
  'L-2DC20C30': {
    service: 'codebuild',
    name: 'Concurrently running builds for Linux/Medium environment',
    default: 1,
  },
  'L-1216C47A': {
    service: 'ec2',
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    default: 5,
  },
  'L-34B43A08': {
    service: 'ec2',
    name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests',
    default: 5,
  },
  'L-DB2E81BA': { service: 'ec2', name: 'Running On-Demand G and VT instances', default: 0 },
};

export class ServiceQuotas {
  /** By code; a test changes them. */
  readonly all: Record<string, Quota> = structuredClone(NEW);

  call(operation: string, asked: object): object {
    const { ServiceCode: service = '', QuotaCode: code = '' } = asked as Record<string, string | undefined>;
    const quota = this.all[code];
    const value = this.#value(operation, quota);
    if (quota?.service !== service || value === undefined)
      throw new AwsError(
        'NoSuchResourceException',
        'The request failed because the specified service or quota does not exist.',
      );
    return {
      Quota: {
        ServiceCode: service,
        QuotaCode: code,
        QuotaName: quota.name,
        Value: value,
        Adjustable: true,
        GlobalQuota: false,
      },
    };
  }

  #value(operation: string, quota: Quota | undefined): number | undefined {
    if (operation === 'GetServiceQuota') return quota?.applied;
    if (operation === 'GetAWSDefaultServiceQuota') return quota?.default;
    throw new AwsError('UnknownOperationException', `${operation} is not supported by this stand-in`);
  }
}
