/** What an installation has in its cluster, loaded when it is needed. */
import { ownFolder, ownVersion } from '../../installation/version.ts';
import { outputOf } from '../../installation/aws/values.ts';
import type { ToolPorts } from '../../providers/profiles/tools.ts';
import type { Choice } from './stacks/parameters.ts';
import type { CloudContext, ClusterPart } from './steps.ts';

export async function clusterPart(
  env: CloudContext['env'],
  { gpus }: Pick<Choice, 'gpus'>,
): Promise<ClusterPart> {
  const [{ clusterPart: inside }, { operatorSource }] = await Promise.all([
    import('./cluster/part.ts'),
    import('./cluster/operator-source.ts'),
  ]);
  return inside({
    version: ownVersion(),
    gpus,
    operator: async () => operatorSource(ownFolder(), env),
    open: openedTools,
  });
}

async function openedTools(cloud: CloudContext): Promise<ToolPorts> {
  const { openTools } = await import('../../providers/profiles/tools.ts');
  const outputs = await cloud.outputs('artifacts');
  const of = outputOf(outputs);
  const key = outputs['Key'];
  return openTools({
    region: cloud.region,
    stack: cloud.stack,
    project: of('Project'),
    role: of('Installer'),
    bucket: of('Bucket'),
    buildKit: of('BuildKit'),
    credentials: () => cloud.credentials(),
    sleep: cloud.sleep,
    ...(key && { kmsKeyId: key }),
  });
}
