/** What of a service maps to a container; all other keys are in `refusals.ts`. `expected` is what a problem says of a value that does not fit. */
import Type, { type TSchema } from 'typebox';

const expected = (what: string) => ({ expected: what });
const { Optional } = Type;

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], expected('a string'));
const Text = (what: string) => Type.String({ maxLength: 4096, ...expected(what) });
const Amount = (what: string) => Type.Union([Type.String(), Type.Number()], expected(what));
const Flag = Type.Union(
  [Type.Boolean(), Type.String({ pattern: '^(true|false)$' })],
  expected('true or false'),
);
const list = <Item extends TSchema>(item: Item, what: string) =>
  Type.Array(item, { maxItems: 256, ...expected(what) });
const Texts = (what = 'a list of strings') => list(Scalar, what);
const Words = Type.Union(
  [Type.String(), Texts(), Type.Null()],
  expected('a command, as a string or a list of words'),
);
const pairs = 'a table of strings, or a list of NAME=value';
const Pairs = Type.Union(
  [Texts(), Type.Record(Type.String(), Scalar, { maxProperties: 256 }), Type.Null()],
  expected(pairs),
);
const Size = Amount('a size such as 512m');
const Cpus = Amount('a number of CPUs');

export const Build = Type.Union(
  [
    Type.String(),
    Type.Object({
      context: Optional(Text('a folder of the task')),
      dockerfile: Optional(Text('a path within the context')),
      target: Optional(Text('the name of a stage')),
      args: Optional(Pairs),
    }),
  ],
  expected('a folder of the task, or a table with context'),
);

export const Healthcheck = Type.Object(
  {
    test: Optional(
      Type.Union(
        [Type.String(), Texts()],
        expected('a command, or a list that begins with CMD, CMD-SHELL or NONE'),
      ),
    ),
    interval: Optional(Amount('a duration such as 10s')),
    timeout: Optional(Amount('a duration such as 10s')),
    start_period: Optional(Amount('a duration such as 10s')),
    start_interval: Optional(Amount('a duration such as 10s')),
    retries: Optional(Amount('a number of tries')),
    disable: Optional(Flag),
  },
  expected('a table with test'),
);

const Port = Type.Union(
  [
    Type.String(),
    Type.Number(),
    Type.Object({ target: Amount('a port'), protocol: Optional(Type.String()) }),
  ],
  expected('a port such as "8080:80"'),
);

export const VolumeMount = Type.Object({
  type: Type.String(expected('volume, bind or tmpfs')),
  source: Optional(Type.String()),
  target: Type.String(expected('an absolute path')),
  read_only: Optional(Flag),
  bind: Optional(Type.Record(Type.String(), Type.Unknown())),
  volume: Optional(Type.Record(Type.String(), Type.Unknown())),
  tmpfs: Optional(Type.Object({ size: Optional(Size) })),
});
export type VolumeMount = Type.Static<typeof VolumeMount>;

const amounts = Type.Object(
  { cpus: Optional(Cpus), memory: Optional(Size) },
  expected('a table with cpus and memory'),
);

export const Service = Type.Object(
  {
    image: Optional(Text('the name of an image')),
    build: Optional(Build),
    entrypoint: Optional(Words),
    command: Optional(Words),
    environment: Optional(Pairs),
    env_file: Optional(
      Type.Union(
        [
          Type.String(),
          list(
            Type.Union([
              Type.String(),
              Type.Object({
                path: Type.String(),
                required: Optional(Type.Boolean()),
                format: Optional(Type.String()),
              }),
            ]),
            'a list of paths',
          ),
        ],
        expected('a path, or a list of them'),
      ),
    ),
    user: Optional(Amount('a user')),
    working_dir: Optional(Text('an absolute path')),
    hostname: Optional(Text('a name')),
    container_name: Optional(Text('a name')),
    ports: Optional(list(Port, 'a list of ports')),
    expose: Optional(list(Amount('a port'), 'a list of ports')),
    healthcheck: Optional(Healthcheck),
    depends_on: Optional(
      Type.Union(
        [
          list(Type.String(), 'a list of services'),
          Type.Record(
            Type.String(),
            Type.Union([
              Type.Object({
                condition: Optional(Type.String()),
                required: Optional(Type.Boolean()),
                restart: Optional(Type.Boolean()),
              }),
              Type.Null(),
            ]),
          ),
        ],
        expected('a list of services, or a table of them with their conditions'),
      ),
    ),
    volumes: Optional(
      list(
        Type.Union([Type.String(), VolumeMount], expected('"source:/path", or a table with type and target')),
        'a list of mounts',
      ),
    ),
    tmpfs: Optional(Type.Union([Type.String(), Texts()], expected('an absolute path, or a list of them'))),
    networks: Optional(
      Type.Union(
        [
          Texts(),
          Type.Record(Type.String(), Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())])),
        ],
        expected('a list of networks, or a table of them'),
      ),
    ),
    network_mode: Optional(Text('service:<name>')),
    links: Optional(Texts('a list of services')),
    restart: Optional(
      Type.Union([Type.String(), Type.Boolean()], expected('no, always, unless-stopped or on-failure')),
    ),
    deploy: Optional(
      Type.Object(
        {
          replicas: Optional(Amount('1')),
          mode: Optional(Type.String()),
          resources: Optional(
            Type.Object(
              { limits: Optional(amounts), reservations: Optional(amounts) },
              expected('a table with limits and reservations'),
            ),
          ),
          restart_policy: Optional(
            Type.Object(
              { condition: Optional(Type.String()), max_attempts: Optional(Amount('a number')) },
              expected('a table with condition'),
            ),
          ),
        },
        expected('a table'),
      ),
    ),
    scale: Optional(Amount('1')),
    mem_limit: Optional(Size),
    mem_reservation: Optional(Size),
    cpus: Optional(Cpus),
    shm_size: Optional(Size),
    security_opt: Optional(Texts()),
    cap_add: Optional(Texts()),
    platform: Optional(Text('a platform such as linux/amd64')),
    init: Optional(Flag),
    tty: Optional(Flag),
    stdin_open: Optional(Flag),
  },
  expected('a table'),
);
/** A service of which everything fits. */
export type Service = Type.Static<typeof Service>;

const OtherNetwork = Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())]);

export const Whole = Type.Object({
  services: Optional(
    Type.Record(
      Type.String(),
      Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())]),
      expected('a table of services'),
    ),
  ),
  volumes: Optional(
    Type.Union([Type.Null(), Type.Record(Type.String(), OtherNetwork)], expected('a table of volumes')),
  ),
  networks: Optional(
    Type.Union([Type.Null(), Type.Record(Type.String(), OtherNetwork)], expected('a table of networks')),
  ),
});
export type Whole = Type.Static<typeof Whole>;
