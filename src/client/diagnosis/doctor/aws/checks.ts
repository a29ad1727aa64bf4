/** Checks of what an installation on AWS depends on in its account. Each finds nothing where the installation is elsewhere. */
import type { Check, Patient } from '../check.ts';
import { awsAccount } from './account.ts';
import { awsBill } from './bill.ts';
import { awsPolicies } from './policies/policies.ts';
import { awsQuotas } from './quotas.ts';
import { awsBuilds, awsIdentity } from './roles.ts';
import { awsLogs, awsNetwork } from './surroundings.ts';

export const awsChecks: readonly Check<Patient>[] = [
  awsAccount,
  awsQuotas,
  awsBuilds,
  awsIdentity,
  awsPolicies,
  awsLogs,
  awsNetwork,
  awsBill,
];
