/** `sb doctor`, as the stories ask it. */
import type { Diagnosis } from '../../../src/client/documents/cluster.ts';
import type { Said } from '../../support/cluster.ts';
import { startSb, type SbPlace } from './sb.ts';

export const doctor = (args: string[], place: SbPlace): Promise<Said> =>
  startSb(['doctor', ...args], place).end;

export const diagnosis = async (place: SbPlace): Promise<Diagnosis> =>
  JSON.parse((await doctor(['-o', 'json'], place)).stdout) as Diagnosis;
