#include "tools/profile_import_base.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "sim/profile/tables/text_file.hpp"
#include "tools/profile_file.hpp"

namespace towtank {
namespace {

bool is_path(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml");
}

bool has_key(const std::vector<KernelFit>& fits, const KernelKey& key) {
  return std::ranges::find(fits, key, &KernelFit::key) != fits.end();
}

}  // namespace

Profile ProfileBase::whole() const {
  return read_profile_named_or_at(profiles, path);
}

ProfileBase read_profile_base(const std::string& name_or_path, const std::string& profiles) {
  ProfileBase base;
  base.profiles = profiles;
  if (is_path(name_or_path)) {
    base.path = name_or_path;
  } else {
    read_profile(profiles, name_or_path);  // or says which there are
    base.path = profiles + "/" + name_or_path + ".toml";
  }
  base.text = hand_written_part(read_text_file(base.path));
  base.hand_written = profile_of_text(base.path, base.text, profiles);
  return base;
}

LearntPart kept_part(const ProfileBase& base, const LearntPart& part) {
  const Profile whole = base.whole();
  LearntPart result;
  std::set<std::string> sources;
  for (const MeasuredPoint& point : whole.points) {
    const bool is_by_hand =
        std::ranges::any_of(base.hand_written.points, [&point](const MeasuredPoint& other) {
          return other.op == point.op && other.sms == point.sms && other.library == point.library;
        });
    if (!point.transferred && !is_by_hand) {
      result.points.push_back(point);
      sources.insert(point.source);
    }
  }
  for (const KernelFit& fit : whole.fits) {
    if (!fit.transferred && !has_key(part.fits, fit.key)) {
      result.fits.push_back(fit);
      sources.insert(fit.source);
    }
  }
  for (const Source& source : base.hand_written.sources) {
    sources.erase(source.key);
  }
  for (const Source& source : whole.sources) {
    if (sources.contains(source.key)) {
      result.sources.push_back(source);
    }
  }
  return result;
}

}  // namespace towtank
