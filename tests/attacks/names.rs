//! Names that stand in a Dockerfile and look like paths of the machine.

use crate::harness::{USERS, attack};

#[test]
fn a_folder_name_climbs_out_of_the_image() {
    attack("a destination of `..` pieces stays in the image (Zip Slip)", USERS, |attack| {
        attack.write("f", "text\n");
        attack.write("Dockerfile", "FROM scratch\nCOPY f /../../../../../../tmp/../sentinel/f\n");
        attack.build().succeeded();
        attack.place.assert_whole();
    });
}
