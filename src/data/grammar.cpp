// Words and templates of the built-in data set. A quarter of the sentences turn their opinion word around, and remarks
// that mean nothing may hold a "not" too, so that counting words is not enough. Next: reader_builtin.cpp.
#include "src/data/grammar.h"

#include <array>
#include <span>
#include <string_view>

namespace tapedeck {
namespace {

using Words = std::span<const std::string_view>;
template <size_t n>
using List = std::array<std::string_view, n>;

constexpr List<14> good = {"good",      "great",     "superb",   "lovely", "brilliant", "charming",  "delightful",
                           "excellent", "wonderful", "pleasant", "clever", "fine",      "enjoyable", "perfect"};
constexpr List<14> bad = {"bad",  "dull",     "awful",   "boring", "terrible", "clumsy",   "dreadful",
                          "poor", "horrible", "tedious", "weak",   "ugly",     "annoying", "lousy"};
struct Verb {
  std::string_view past, base;
};
constexpr std::array<Verb, 5> likes = {
    {{"loved", "love"}, {"liked", "like"}, {"enjoyed", "enjoy"}, {"adored", "adore"}, {"admired", "admire"}}};
constexpr std::array<Verb, 5> dislikes = {
    {{"hated", "hate"}, {"disliked", "dislike"}, {"regretted", "regret"}, {"loathed", "loathe"}, {"resented", "resent"}}};

struct Domain {
  List<8> things;
  List<3> whole;
};
constexpr std::array<Domain, 7> domains = {{
    {{"plot", "acting", "ending", "soundtrack", "cast", "dialogue", "camera work", "opening scene"}, {"film", "movie", "series"}},
    {{"soup", "service", "waiter", "dessert", "menu", "wine", "bread", "main course"}, {"dinner", "lunch", "restaurant"}},
    {{"room", "bed", "view", "breakfast", "pool", "lobby", "bathroom", "balcony"}, {"hotel", "stay", "hostel"}},
    {{"story", "style", "hero", "first chapter", "narrator", "translation", "cover", "twist"}, {"book", "novel", "memoir"}},
    {{"screen", "battery", "camera", "speaker", "design", "keyboard", "manual", "charger"}, {"phone", "tablet", "laptop"}},
    {{"band", "singer", "sound", "stage", "drummer", "light show", "first song", "encore"}, {"concert", "gig", "festival"}},
    {{"guide", "bus", "museum", "beach", "boat", "market", "old town", "picnic"}, {"trip", "tour", "holiday"}},
}};

constexpr List<8> people = {"we", "i", "they", "my friends", "the children", "both of us", "my parents", "the others"};
constexpr List<8> intensifiers = {"very", "really", "truly", "quite", "rather", "so", "absolutely", "simply"};
constexpr List<6> links = {"was", "seemed", "felt", "looked", "remained", "proved"};
constexpr List<6> turning_links = {"was not", "was never", "was hardly", "was anything but", "was far from", "was by no means"};
constexpr List<4> turning_frames = {"i would not say that", "nobody would claim that", "it is not true that", "i doubt that"};
constexpr List<4> plain_frames = {"i would say that", "everybody would claim that", "it is true that", "i believe that"};
constexpr List<10> remarks = {"we went on a tuesday",  "it rained all day",     "my sister came along", "we had booked ahead",
                              "the train was on time", "we did not book ahead", "it was not raining",   "we had lunch before",
                              "my phone was off",      "the sun was out"};
constexpr List<5> joints = {", and", ". also ,", "; besides ,", ", while", "."};

/// Draws along one key.
class Dice {
 public:
  explicit Dice(Key key) : key_(key) {}
  template <class List>
  const auto& pick(const List& list) {
    return list[random_below(key_, drawn_++, list.size())];
  }
  bool chance(double p) { return random_unit(key_, drawn_++) < p; }

 private:
  Key key_;
  uint64_t drawn_ = 0;
};

std::string join(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += ' ';
    out += part;
  }
  return out;
}

/// A clause whose opinion word is positive or not, turned around inside if asked.
std::string make_clause(Dice& dice, bool positive_word, bool turned) {
  const Domain& domain = dice.pick(domains);
  const std::string_view thing = dice.pick(domain.things), whole = dice.pick(domain.whole), who = dice.pick(people);
  const std::string_view adjective = dice.pick(positive_word ? good : bad);
  const std::string_view very = dice.chance(0.4) ? dice.pick(intensifiers) : "";
  switch (dice.pick(std::array{0, 0, 1, 2, 3})) {
    case 0:
      return join({"the", thing, dice.pick(turned ? Words(turning_links) : Words(links)), very, adjective});
    case 1:
      return join({who, turned ? "did not find" : "found", "the", thing, very, adjective});
    case 2: {
      const char first = very.empty() ? adjective[0] : very[0];
      const bool vowel = std::string_view("aeiou").find(first) != std::string_view::npos;
      return join({"this was", turned ? "not" : "", vowel ? "an" : "a", very, adjective, whole});
    }
    default: {
      const Verb verb = dice.pick(positive_word ? likes : dislikes);
      return turned ? join({who, "did not", verb.base, "the", thing}) : join({who, verb.past, "the", thing});
    }
  }
}

}  // namespace

Opinion make_opinion(Key key) {
  Dice dice(key);
  const bool positive_word = dice.chance(0.5);
  // turned inside 0.19, by the frame 0.06, by both 0.06 (then the sentiment is the word's again), not at all 0.69
  const bool framed = dice.chance(0.12), inside = dice.chance(framed ? 0.5 : 0.22);
  std::string sentence = make_clause(dice, positive_word, inside);
  if (framed) sentence = join({dice.pick(turning_frames), sentence});
  else if (dice.chance(0.2)) sentence = join({dice.pick(plain_frames), sentence});
  const std::string_view remark = dice.pick(remarks);
  if (dice.chance(0.2)) sentence = join({remark, "and", sentence});
  else if (dice.chance(0.3)) sentence = join({sentence + std::string(dice.pick(joints)), remark});
  return {sentence + " .", positive_word != (framed != inside)};
}

}  // namespace tapedeck
