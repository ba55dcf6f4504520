import { Field, ID, InputType, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";

@ObjectType("Role", { description: "Permissions, where they hold, and the labels whose fields may be seen." })
export class RoleType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => [String], { description: "Codes of permissions; [all] for every one." })
  readonly permissions!: readonly string[];

  @Field(() => [String], { description: "Names of sandboxes; [all] for every one." })
  readonly sandboxes!: readonly string[];

  @Field(() => [String], { description: "Labels; [all] for every one." })
  readonly labels!: readonly string[];
}

@InputType({ description: "A role to save." })
export class RoleInput {
  @Field(() => ID, { description: "New, or of the role to change." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => [String], { description: "Codes of permissions; [all] for every one." })
  readonly permissions!: readonly string[];

  @Field(() => [String], { description: "Names of sandboxes; [all] for every one." })
  readonly sandboxes!: readonly string[];

  @Field(() => [String], { nullable: true, description: "Labels; [all] for every one, none without it." })
  readonly labels?: readonly string[];
}

@ObjectType("ApiKey", { description: "A key for programs." })
export class ApiKeyType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => [ID], { description: "Roles it holds." })
  readonly roleIds!: readonly string[];

  @Field(() => DateTime, { description: "When it was made." })
  readonly createdAt!: string;
}

@ObjectType({ description: "A key that was just made." })
export class NewApiKey extends ApiKeyType {
  @Field(() => String, { description: "The key itself. It is told now and never again." })
  readonly secret!: string;
}

@ObjectType("Sandbox", { description: "An isolated copy of the platform." })
export class SandboxType {
  @Field(() => String, { description: "Its name in x-sandbox-name." })
  readonly name!: string;

  @Field(() => String, { description: "Name for people." })
  readonly title!: string;

  @Field(() => String, { description: "production or development." })
  readonly type!: string;

  @Field(() => Boolean, { description: "Whether it is the one that is meant without a header." })
  readonly isDefault!: boolean;
}

@ObjectType({ description: "One line of the audit log." })
export class AuditLine {
  @Field(() => DateTime, { description: "When." })
  readonly at!: string;

  @Field(() => String, { description: "Who." })
  readonly principal!: string;

  @Field(() => String, { description: "What was done." })
  readonly action!: string;

  @Field(() => String, { description: "To what: an id, for persons the SHA-256 of the identity asked for." })
  readonly subject!: string;

  @Field(() => String, { description: "The request, as in X-Request-Id." })
  readonly requestId!: string;
}
