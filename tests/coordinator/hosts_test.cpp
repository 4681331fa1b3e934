// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/keys.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

HostId id(char number) {
  std::string bytes(16, '\0');
  bytes[0] = number;
  return *HostId::from_bytes(bytes);
}
std::string key(char letter) { return std::string(40, letter); }

Hello hello(char number, const std::string& name) {
  Hello message;
  message.host = id(number);
  message.name = name;
  message.labels = {{"role", "web"}};
  return message;
}

HostRecord accepted(Hosts& hosts, char number, const std::string& name) {
  const auto record = hosts.enrol(hello(number, name), key(number), WallTime{1});
  return *hosts.decide(*record, Admission::kAccepted, "ann", WallTime{2});
}

TEST(Hosts, AStrangerWaitsAndHasNoRights) {
  Hosts hosts;
  const auto record = hosts.enrol(hello('a', "web1"), key('a'), WallTime{7});
  ASSERT_TRUE(record);
  EXPECT_EQ(record->admission, Admission::kPending);
  EXPECT_EQ(record->enrolled, WallTime{7});
  EXPECT_EQ(hosts.accepted_by_key(key('a')), nullptr);
  EXPECT_TRUE(hosts.accepted().empty());
  EXPECT_EQ(hosts.all().size(), 1U);
}

TEST(Hosts, AnAcceptedHostIsFoundByItsKeyUntilItIsRemoved) {
  Hosts hosts;
  const auto record = accepted(hosts, 'a', "web1");
  ASSERT_NE(hosts.accepted_by_key(key('a')), nullptr);
  EXPECT_EQ(hosts.accepted_by_key(key('a'))->decided_by, "ann");
  ASSERT_TRUE(hosts.decide(record, Admission::kRemoved, "ann", WallTime{3}));
  EXPECT_EQ(hosts.accepted_by_key(key('a')), nullptr);
  EXPECT_FALSE(hosts.find("web1"));
}

TEST(Hosts, EnrollingAgainDoesNotChangeADecision) {
  Hosts hosts;
  const auto record = *hosts.enrol(hello('a', "web1"), key('a'), WallTime{1});
  ASSERT_TRUE(hosts.decide(record, Admission::kRejected, "ann", WallTime{2}));
  EXPECT_EQ(hosts.enrol(hello('a', "web1"), key('a'), WallTime{3})->admission,
            Admission::kRejected);
}

TEST(Hosts, NobodyTakesTheIdOrTheKeyOfAnother) {
  Hosts hosts;
  accepted(hosts, 'a', "web1");
  const auto stolen_id = hosts.enrol(hello('a', "web1"), key('b'), WallTime{1});
  ASSERT_FALSE(stolen_id);
  EXPECT_EQ(stolen_id.error().code, ErrorCode::kDenied);
  const auto stolen_key = hosts.enrol(hello('b', "web2"), key('a'), WallTime{1});
  ASSERT_FALSE(stolen_key);
  EXPECT_EQ(stolen_key.error().code, ErrorCode::kDenied);
}

TEST(Hosts, ARemovedHostsIdIsNotInherited) {
  Hosts hosts;
  const auto record = accepted(hosts, 'a', "web1");
  ASSERT_TRUE(hosts.decide(record, Admission::kRemoved, "ann", WallTime{3}));
  EXPECT_FALSE(hosts.enrol(hello('a', "web1"), key('b'), WallTime{4}));
}

TEST(Hosts, TooManyStrangersAreTurnedAwayAndKnownHostsAreNot) {
  Hosts hosts;
  accepted(hosts, '\x01', "web1");
  for (std::size_t i = 0; i < Hosts::kMostPending; ++i) {
    HostRecord record;
    std::string bytes(16, 'p');
    bytes[1] = static_cast<char>(i & 0xffU);
    record.id = *HostId::from_bytes(bytes);
    record.public_key = "key " + std::to_string(i);
    hosts.load(record);
  }
  const auto stranger = hosts.enrol(hello('s', "late"), key('s'), WallTime{1});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::kBusy);
  EXPECT_TRUE(hosts.enrol(hello('\x01', "web1"), key('\x01'), WallTime{1}));
}

TEST(Hosts, AreFoundByNameIdAndFingerprint) {
  Hosts hosts;
  const auto record = accepted(hosts, 'a', "web1");
  accepted(hosts, 'b', "web2");
  for (const std::string& text :
       {std::string("web1"), record.id.str(), fingerprint(key('a')),
        fingerprint(key('a')).substr(0, 8), record.id.str().substr(0, 8)}) {
    const auto found = hosts.find(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->name, "web1");
  }
  EXPECT_EQ(hosts.find(record.id.str().substr(0, 7)).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(hosts.find("mail1").error().message, HasSubstr("'mail1'"));
}

TEST(Hosts, SeveralOfOneNameAreAskedForTheirFingerprint) {
  Hosts hosts;
  ASSERT_TRUE(hosts.enrol(hello('a', "web1"), key('a'), WallTime{1}));
  ASSERT_TRUE(hosts.enrol(hello('b', "web1"), key('b'), WallTime{1}));
  const auto found = hosts.find("web1");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kConflict);
}

TEST(Hosts, ASecondAcceptedHostOfAnAcceptedNameIsRefused) {
  Hosts hosts;
  accepted(hosts, 'a', "web1");
  const auto second = hosts.enrol(hello('b', "web1"), key('b'), WallTime{1});
  const auto decided = hosts.decide(*second, Admission::kAccepted, "ann", WallTime{2});
  ASSERT_FALSE(decided);
  EXPECT_EQ(decided.error().code, ErrorCode::kConflict);
  EXPECT_THAT(decided.error().message, HasSubstr(fingerprint(key('a'))));
}

TEST(Hosts, OnlyAnAcceptedHostRenewsItsLabels) {
  Hosts hosts;
  ASSERT_TRUE(hosts.enrol(hello('a', "web1"), key('a'), WallTime{1}));
  EXPECT_FALSE(hosts.renew(hello('a', "web1"), key('a')));
  accepted(hosts, 'a', "web1");
  Hello changed = hello('a', "web1");
  changed.labels = {{"role", "db"}};
  EXPECT_FALSE(hosts.renew(changed, key('b')));
  ASSERT_TRUE(hosts.renew(changed, key('a')));
  EXPECT_EQ(hosts.by_id(id('a'))->labels, changed.labels);
}

TEST(Hosts, AreListedByName) {
  Hosts hosts;
  accepted(hosts, 'a', "web2");
  accepted(hosts, 'b', "web1");
  ASSERT_EQ(hosts.accepted().size(), 2U);
  EXPECT_EQ(hosts.accepted()[0].name, "web1");
}

}  // namespace
}  // namespace rollback
