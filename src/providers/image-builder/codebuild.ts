/** ImageBuilder over AWS CodeBuild. One attempt a call: retries are a decorator’s. */
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  ListBuildsForProjectCommand,
  StartBuildCommand,
  StopBuildCommand,
  type Build as BuildRecord,
  type CodeBuildClientConfig,
} from '@aws-sdk/client-codebuild';
import { httpWithin } from '../aws/http.ts';
import { arnIn, consoleUrl } from '../aws/partition.ts';
import type { AwsAction } from '../aws/permissions.ts';
import { ProviderError } from '../errors.ts';
import { codebuildError } from './codebuild/errors.ts';
import { explain, unexplained } from './codebuild/failure.ts';
import { cloudWatchLog, type ReadLog } from './codebuild/log.ts';
import { OWNER_VARIABLE, startRequest, TOKEN_VARIABLE, type RequestSettings } from './codebuild/request.ts';
import { judge, type Verdict } from './codebuild/state.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from './port.ts';

export interface CodeBuildSettings extends RequestSettings {
  /** Base URL of a CodeBuild that is not AWS’s; default: the SDK’s own, `AWS_ENDPOINT_URL_CODEBUILD` among it. */
  endpoint?: string;
  /** Default: the SDK’s own search (environment, IRSA, Pod Identity, instance role). */
  credentials?: NonNullable<CodeBuildClientConfig['credentials']>;
  /** How often states are worth a call, in milliseconds. */
  pollMs?: number;
  /** Milliseconds that a call may stand still; default: half a minute. */
  timeoutMs?: number;
  /** Default: CloudWatch Logs. */
  readLog?: ReadLog;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

const POLL_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** CodeBuild remembers an idempotency token for five minutes; a minute of that is for clocks that differ and calls that take time. */
const TOKEN_LIFE_MS = 240_000;
/** BatchGetBuilds takes no more at once. */
const BATCH = 100;
/** Clocks of operator and AWS may differ by as much: AWS takes no signature of one that is further off. */
const SKEW_MS = 300_000;
/** How far back a build is looked for whose id was lost: a thousand builds. */
const LOST_PAGES = 10;
/** A build’s last lines reach the log after its record says that it ended, and throttled reads are made again. */
const LOG_GRACE_MS = 30_000;
/** Builds that this process stopped and may still be asked for, and tokens that wait for their turn. */
const REMEMBERED_MAX = 10_000;

const BUILD_ID = /^[A-Za-z0-9][\w-]*:[0-9a-f-]{36}$/;

const variable = ({ environment }: BuildRecord, name: string): string | undefined =>
  environment?.environmentVariables?.find((candidate) => candidate.name === name)?.value;

/** Newest come first, so what follows is older still. */
const areAllOlder = (records: BuildRecord[], openedTime: string | undefined): boolean =>
  openedTime !== undefined &&
  records.every(({ startTime }) => (startTime?.getTime() ?? 0) < Date.parse(openedTime) - SKEW_MS);

function remember(memory: Set<string>, id: string): void {
  if (memory.size >= REMEMBERED_MAX) memory.clear();
  memory.add(id);
}

class CodeBuildImageBuilder implements ImageBuilder {
  readonly backend = 'CodeBuild';
  readonly pollMs: number;
  readonly tokenLifeMs = TOKEN_LIFE_MS;
  readonly #settings: CodeBuildSettings;
  readonly #client: CodeBuildClient;
  readonly #readLog: ReadLog;
  readonly #now: () => number;
  readonly #stopped = new Set<string>();
  /** Tokens that CodeBuild has certainly started nothing with. */
  readonly #unused = new Set<string>();

  constructor(settings: CodeBuildSettings) {
    const { region, endpoint, credentials, timeoutMs = REQUEST_TIMEOUT_MS } = settings;
    const shared = {
      region,
      maxAttempts: 1,
      requestHandler: httpWithin(timeoutMs),
      ...(credentials === undefined ? {} : { credentials }),
    };
    this.#settings = settings;
    this.pollMs = settings.pollMs ?? POLL_MS;
    this.#client = new CodeBuildClient({ ...shared, ...(endpoint === undefined ? {} : { endpoint }) });
    this.#readLog = settings.readLog ?? cloudWatchLog(new CloudWatchLogsClient(shared));
    this.#now = settings.now ?? Date.now;
  }

  async start(build: Build): Promise<BuildHandle> {
    const request = startRequest(build, this.#settings);
    return this.#handle(build, (await this.#lost(build)) ?? (await this.#start(request)));
  }

  async states(handles: BuildHandle[]): Promise<Map<string, BuildState>> {
    const ids = handles.map(({ id }) => id);
    const asked = ids.filter((id) => BUILD_ID.test(id) && !this.#stopped.has(id));
    const found = new Map<string, BuildState>(ids.map((id) => [id, { kind: 'unknown' }]));
    const records = await this.#records(asked);
    const states = await Promise.all(records.map((record) => this.#explain(record, judge(record))));
    for (const [index, state] of states.entries()) found.set(records[index]?.id ?? '', state);
    return found;
  }

  async stop({ id }: BuildHandle): Promise<void> {
    try {
      await this.#client.send(new StopBuildCommand({ id }));
    } catch (error) {
      const failure = this.#failure(`stop build ${id}`, 'codebuild:StopBuild', error);
      if (failure.reason !== 'NotFound') throw failure;
    }
    // Its record stays STOPPED for a year, which is not to be taken for somebody else’s doing.
    remember(this.#stopped, id);
  }

  #failure(doing: string, action: AwsAction, error: unknown): ProviderError {
    const { project, region } = this.#settings;
    const call = `${doing} in project ${project} of ${region}`;
    return codebuildError(
      { call, action, on: arnIn(region, `codebuild:${region}:<account>:project/${project}`) },
      error,
    );
  }

  async #start(request: ReturnType<typeof startRequest>): Promise<BuildRecord> {
    try {
      const { build } = await this.#client.send(new StartBuildCommand(request));
      return build ?? {};
    } catch (error) {
      const token = request.idempotencyToken ?? '';
      const failure = this.#failure(`start build ${token}`, 'codebuild:StartBuild', error);
      // Without an answer, or with a broken one, it may have been started all the same.
      if (failure.reason === 'Unavailable') this.#unused.delete(token);
      // A token that CodeBuild knows gets its build, however many there are: so it knows none.
      if (failure.reason === 'QuotaExceeded') remember(this.#unused, token);
      throw failure;
    }
  }

  /** The build of this token, where it was started and its id never got recorded. */
  async #lost(build: Build): Promise<BuildRecord | undefined> {
    if (!build.mayExist || this.#unused.has(build.token)) return undefined;
    const found = await this.#search(build);
    // A build that is refused for hours is not to cost a search each time.
    if (!found) remember(this.#unused, build.token);
    return found;
  }

  async #search({ token, owner, openedTime }: Build): Promise<BuildRecord | undefined> {
    let nextToken: string | undefined;
    for (let page = 0; page < LOST_PAGES; page++) {
      const { ids, next } = await this.#recent(nextToken);
      const records = await this.#records(ids);
      const record = records.find((candidate) => variable(candidate, TOKEN_VARIABLE) === token);
      if (record) {
        if (variable(record, OWNER_VARIABLE) === owner.uid) return record;
        throw new ProviderError('Invalid', `start ${token}: the token belongs to another TaskBuild`);
      }
      if (next === undefined || areAllOlder(records, openedTime)) return undefined;
      nextToken = next;
    }
    return undefined;
  }

  /** Newest first, which is CodeBuild’s own order: asking for one fails on projects with many builds. */
  async #recent(nextToken: string | undefined): Promise<{ ids: string[]; next: string | undefined }> {
    try {
      const answer = await this.#client.send(
        new ListBuildsForProjectCommand({
          projectName: this.#settings.project,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      );
      return { ids: answer.ids ?? [], next: answer.nextToken };
    } catch (error) {
      throw this.#failure('look for a lost build', 'codebuild:ListBuildsForProject', error);
    }
  }

  async #records(ids: string[]): Promise<BuildRecord[]> {
    const records: BuildRecord[] = [];
    try {
      for (let from = 0; from < ids.length; from += BATCH) {
        const command = new BatchGetBuildsCommand({ ids: ids.slice(from, from + BATCH) });
        records.push(...((await this.#client.send(command)).builds ?? []));
      }
    } catch (error) {
      throw this.#failure('look at builds', 'codebuild:BatchGetBuilds', error);
    }
    return records;
  }

  async #explain(record: BuildRecord, verdict: Verdict): Promise<BuildState> {
    if (verdict.kind !== 'broken') return verdict;
    const { phase, said, ...account } = verdict;
    const read = await this.#logOf(record);
    const failure = explain(read.log);
    if (failure) return { ...account, kind: 'failed', ...failure };
    const late = this.#now() >= (record.endTime?.getTime() ?? 0) + LOG_GRACE_MS;
    if (!read.final && !late) return { ...account, kind: 'running' };
    return { ...account, kind: 'failed', ...unexplained({ phase, said }, read.log, read.why) };
  }

  /** `final`: reading again will bring no more. */
  async #logOf({ logs }: BuildRecord): Promise<{ log: string; final: boolean; why: string }> {
    const { groupName, streamName } = logs ?? {};
    if (groupName === undefined || streamName === undefined)
      return { log: '', final: true, why: 'the project keeps no log' };
    try {
      return {
        log: await this.#readLog(groupName, streamName),
        final: false,
        why: 'its log does not say why',
      };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return { log: '', final: error.reason === 'AccessDenied', why: error.message };
    }
  }

  #handle({ owner, token }: Build, { id, arn = '' }: BuildRecord): BuildHandle {
    if (id === undefined) throw new ProviderError('Unavailable', `start ${token}: CodeBuild named no build`);
    const { region, project } = this.#settings;
    const [, , , , number] = arn.split(':');
    const page = `codesuite/codebuild/${number}/projects/${project}/build/${encodeURIComponent(id)}`;
    return {
      id,
      namespace: owner.namespace,
      consoleUrl: consoleUrl(region, `${page}/?region=${region}`),
    };
  }
}

/** Builds in the project of that name, whose role reads contexts and pushes images. */
export const codebuildImageBuilder = (settings: CodeBuildSettings): ImageBuilder =>
  new CodeBuildImageBuilder(settings);
