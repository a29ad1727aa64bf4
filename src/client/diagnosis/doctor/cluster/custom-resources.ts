import { API_VERSION } from '../../../../crds/names.ts';
import { checkInstalled } from '../../../session/preflight.ts';
import { fine, type Check, type Patient } from '../check-result.ts';

/** Throws SB-E007 where they are missing or older. */
export const customResources: Check<Patient> = {
  name: 'custom-resources',
  subject: 'the custom resources',
  async run({ session }) {
    await checkInstalled(session);
    return [fine(`${API_VERSION} is installed and has every field that this sb knows`)];
  },
};
