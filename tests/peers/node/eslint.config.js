// Judges schema.graphql by other people's rules. Run from the top of the checkout:
//
//   node tests/peers/node/node_modules/eslint/bin/eslint.js --config tests/peers/node/eslint.config.js schema.graphql
import graphql from "@graphql-eslint/eslint-plugin";

const { "flat/schema-recommended": recommended, "flat/schema-relay": relay } = graphql.configs;

const VALUE_OBJECTS = [
  "Actor",
  "AuditChange",
  "AuditCheckpoint",
  "AuditConsistencyProof",
  "AuditInclusionProof",
  "CertificateChange",
  "CertificateChangeImpact",
  "CertificateFinding",
  "CertificatePreview",
  "CertificateQuota",
  "DeviceDenial",
  "DeviceSuspension",
  "FindingChange",
  "Gateway",
  "Gateways",
  "Health",
  "HealthCheck",
  "HistoryPoint",
  "ImpactEffect",
  "PageInfo",
  "RateLimit",
  "StandingFinding",
  "TrustCheck",
  "TrustDecision",
  "TrustPath",
  "TrustPathStep",
  "Viewer",
  "X509Certificate",
];

export default [
  {
    files: ["schema.graphql"],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: "schema.graphql" } },
    },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...recommended.rules,
      ...relay.rules,
      // What has no life of its own has no id: pages, errors, the outcomes of mutations, and the values above.
      "@graphql-eslint/strict-id-in-types": [
        "error",
        { exceptions: { suffixes: ["Connection", "Edge", "Error", "Payload"], types: VALUE_OBJECTS } },
      ],
      // Lists that are short and whole are lists; connections are for those that are cut into pages. Some of
      // these pages hold what nobody names by an id; that all others hold nodes, tests/transport/graphql/test_schema.py sees to.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
      ],
    },
  },
];
