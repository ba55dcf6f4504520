import { type ClassType, Field, Int, ObjectType } from "type-graphql";
import type { Page } from "./page.ts";
import { PageInfo } from "./page.type.ts";

/** The connection of a type, as Relay wants it, and with the nodes alone for those who need no cursors. */
export function connectionType<T extends object>(node: ClassType<T>, name: string): ClassType<Page<T>> {
  @ObjectType(`${name}Edge`, { description: `A ${name} at its place in a list.` })
  class Edge {
    @Field(() => String, { description: "Give it as `after` to go on behind this one." })
    readonly cursor!: string;

    @Field(() => node, { description: "The one itself." })
    readonly node!: T;
  }

  @ObjectType(`${name}Connection`, { description: `A page of a list of the type ${name}.` })
  class Connection {
    @Field(() => [Edge], { description: "Those on this page with their cursors." })
    readonly edges!: readonly Edge[];

    @Field(() => [node], { description: "Those on this page alone." })
    readonly nodes!: readonly T[];

    @Field(() => PageInfo, { description: "Where this page stands." })
    readonly pageInfo!: PageInfo;

    @Field(() => Int, { description: "How many there are on all pages." })
    readonly totalCount!: number;
  }
  return Connection;
}
