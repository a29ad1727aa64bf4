/** What ECR knows and moto does not: login tokens that expire, and images that its API shows some time after their push. */
import { randomUUID } from 'node:crypto';
import { matchesGlob } from 'node:path';
import type { Role } from './iam/roles.ts';
import { AwsError, callAws, type Service } from './wire.ts';

type ImageId = { imageDigest?: string; imageTag?: string };
type Request = { repositoryName?: string; imageIds?: ImageId[] };
type Answer = Record<string, unknown>;

/** What a login is worth. */
export type Login = 'good' | 'expired' | 'unknown';

export class Ecr {
  /** How long after the first look for it the API shows a pushed image: whoever looks first sees none, however late. */
  visibleAfterMs = 0;
  /** How long new login tokens live; 12 hours at AWS. */
  tokenSeconds = 12 * 3600;
  /** Repositories into which the builds' role may not push. */
  readonly closed = new Set<string>();
  readonly #moto: string;
  readonly #tokens = new Map<string, { expires: number; role: Role | undefined }>();
  /** From when on an image may be seen, by tag and by digest; nothing until somebody asks for it by the one or the other. */
  readonly #hidden = new Map<string, { until?: number }>();

  constructor(moto: string) {
    this.#moto = moto;
  }

  login(password: string | undefined): Login {
    const token = this.#tokens.get(password ?? '');
    if (token === undefined) return 'unknown';
    return token.expires > Date.now() ? 'good' : 'expired';
  }

  /** Whose login it is; undefined for one that may do everything. */
  roleOf(password: string): Role | undefined {
    return this.#tokens.get(password)?.role;
  }

  /** Calls moto itself. */
  call<T = Answer>(operation: string, body: object): Promise<T> {
    return callAws<T>(this.#moto, ['ecr' satisfies Service, operation], body);
  }

  /** The API, as the operator and builds see it. */
  async api(operation: string, request: Request): Promise<Answer> {
    switch (operation) {
      case 'GetAuthorizationToken':
        return this.token();
      case 'DescribeImages':
        return this.#describe(request);
      case 'BatchGetImage':
        return this.#batchGet(request);
      default:
        return this.call(operation, request);
    }
  }

  async token(role?: Role): Promise<Answer> {
    const answer = await this.call<{ authorizationData: Answer[] }>('GetAuthorizationToken', {});
    const password = randomUUID();
    const expires = Date.now() + this.tokenSeconds * 1000;
    this.#tokens.set(password, { expires, role });
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    const [data] = answer.authorizationData;
    return { authorizationData: [{ ...data, authorizationToken, expiresAt: expires / 1000 }] };
  }

  async #describe(request: Request): Promise<Answer> {
    const { repositoryName = '', imageIds = [] } = request;
    const missing = imageIds.find((id) => this.#isHidden(repositoryName, id));
    if (missing)
      throw new AwsError(
        'ImageNotFoundException',
        `The image with imageId {${said(missing)}} does not exist within the repository with name '${repositoryName}'`,
      );
    const answer = await this.call<{ imageDetails: Answer[] }>('DescribeImages', request);
    return {
      ...answer,
      imageDetails: answer.imageDetails.map((image) => ({ imageStatus: 'ACTIVE', ...image })),
    };
  }

  async #batchGet(request: Request): Promise<Answer> {
    const { repositoryName = '', imageIds = [] } = request;
    const isHidden = (id: ImageId): boolean => this.#isHidden(repositoryName, id);
    const failures = imageIds.filter(isHidden).map((imageId) => ({
      imageId,
      failureCode: 'ImageNotFound',
      failureReason: 'Requested image not found',
    }));
    if (failures.length > 0 && failures.length === imageIds.length) return { images: [], failures };
    const shown = { ...request, imageIds: imageIds.filter((id) => !isHidden(id)) };
    const answer = await this.call<{ images: Answer[]; failures: Answer[] }>('BatchGetImage', shown);
    return { images: answer.images, failures: [...answer.failures, ...failures] };
  }

  #isHidden(repository: string, { imageDigest, imageTag }: ImageId): boolean {
    return [imageDigest, imageTag].some((name) => {
      const hidden = this.#hidden.get(`${repository} ${name}`);
      if (!hidden) return false;
      hidden.until ??= Date.now() + this.visibleAfterMs;
      return hidden.until > Date.now();
    });
  }

  /**
   * Takes in what was pushed under a tag; throws `AwsError` where that tag may not be moved, even to the same image (containers-roadmap #2179).
   * What was pushed without a tag, the parts of an index, is no image of its own here.
   */
  async put(repositoryName: string, image: Pushed): Promise<void> {
    const { imageDigest, imageTag, manifest: imageManifest, mediaType: imageManifestMediaType } = image;
    const { images } = await this.tagged(repositoryName, imageTag);
    if (images.length > 0 && !(await this.#isMovable(repositoryName, imageTag)))
      throw new AwsError(
        'ImageTagAlreadyExistsException',
        `The image tag '${imageTag}' already exists in the '${repositoryName}' repository and cannot be overwritten because the tag is immutable.`,
      );
    if (images.some(({ imageId }) => imageId.imageDigest === imageDigest)) return;
    await this.call('PutImage', {
      repositoryName,
      imageDigest,
      imageTag,
      imageManifest,
      imageManifestMediaType,
    });
    const hidden = {};
    for (const name of [imageDigest, imageTag]) this.#hidden.set(`${repositoryName} ${name}`, hidden);
  }

  /** The image of a tag, also where the API does not show it yet. */
  tagged(repositoryName: string, imageTag: string): Promise<{ images: { imageId: ImageId }[] }> {
    return this.call('BatchGetImage', { repositoryName, imageIds: [{ imageTag }] });
  }

  async #isMovable(repositoryName: string, tag: string): Promise<boolean> {
    type Repository = {
      imageTagMutability: string;
      imageTagMutabilityExclusionFilters?: { filter: string }[];
    };
    const answer = await this.call<{ repositories: Repository[] }>('DescribeRepositories', {
      repositoryNames: [repositoryName],
    });
    const { imageTagMutability = '', imageTagMutabilityExclusionFilters: filters = [] } =
      answer.repositories[0] ?? {};
    const isExcluded = filters.some(({ filter }) => matchesGlob(tag, filter));
    return imageTagMutability.startsWith('MUTABLE') !== isExcluded;
  }
}

interface Pushed {
  imageDigest: string;
  imageTag: string;
  manifest: string;
  mediaType: string;
}

const said = ({ imageDigest, imageTag }: ImageId): string =>
  `imageDigest:'${imageDigest ?? 'null'}', imageTag:'${imageTag ?? 'null'}'`;
